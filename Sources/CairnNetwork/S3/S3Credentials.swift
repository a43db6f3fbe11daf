package import CairnArchive

/// Keys of an identity of S3. They show themselves nowhere: not in messages, not in logs, not in a debugger's dump.
package struct S3Credentials: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    let accessKeyID: String
    let secretAccessKey: String
    /// Of temporary credentials (AWS STS).
    let sessionToken: String?
    /// Where they were found, for messages: `the environment`, `/etc/cairn/s3 [default]`.
    package let origin: String

    /// - Throws: `invalid` where a value cannot stand in an HTTP header; the value is not told.
    package init(
        accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil, origin: String
    ) throws(ArchiveError) {
        let values = [
            ("access key ID", accessKeyID), ("secret access key", secretAccessKey), ("session token", sessionToken),
        ]
        for (name, value) in values {
            guard let value else { continue }
            guard !value.isEmpty, value.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw ArchiveError(
                    .invalid,
                    "the \(name) in \(origin) is empty or has spaces or other strange characters: "
                        + "copy it again")
            }
        }
        (self.accessKeyID, self.secretAccessKey) = (accessKeyID, secretAccessKey)
        (self.sessionToken, self.origin) = (sessionToken, origin)
    }

    package var description: String { "S3 credentials of \(origin)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: ["origin": origin]) }
}
