/// A bucket of any S3, and how it may be used.
package struct BucketAccess: Sendable, Equatable {
    package var bucket: String
    /// What all keys begin with; without slashes around it, possibly empty.
    package var prefix: String
    /// A file in the format of `~/.aws/credentials`; nil for the usual places.
    package var credentialsFile: String?
    /// Nil for no limit.
    package var uploadBytesPerSecond: Int?

    package init(
        bucket: String, prefix: String, credentialsFile: String? = nil, uploadBytesPerSecond: Int? = nil
    ) {
        (self.bucket, self.prefix) = (bucket, prefix)
        (self.credentialsFile, self.uploadBytesPerSecond) = (credentialsFile, uploadBytesPerSecond)
    }
}
