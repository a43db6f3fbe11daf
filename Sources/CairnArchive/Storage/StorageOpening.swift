import CairnPlatform

extension ArchiveLocation {
    /// Opens the storage that this names. S3 is not asked anything yet.
    ///
    /// - Parameters:
    ///   - creating: makes a directory where it is missing. A bucket is never made: who may read and lock it is for its
    ///     owner to say.
    ///   - credentialsFile: for S3, see ``S3Settings``.
    ///   - uploadBytesPerSecond: for S3, nil for no limit.
    package func open(
        creating: Bool, credentialsFile: String? = nil, uploadBytesPerSecond: Int? = nil,
        environment: [String: String] = ProcessEnvironment.all
    ) throws(ArchiveError) -> any ObjectStorage {
        switch self {
        case .directory(let path):
            return try DirectoryStorage(path: path, creating: creating)
        case .s3(let bucket, let prefix):
            return try S3Storage(
                S3Settings(
                    bucket: bucket, prefix: prefix, credentialsFile: credentialsFile,
                    uploadBytesPerSecond: uploadBytesPerSecond, environment: environment))
        }
    }
}
