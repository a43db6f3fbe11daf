package import CairnPlatform
import Glibc

/// Why the archive could not be written, read or changed.
package struct ArchiveError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What a caller acts on.
    package enum Code: String, Sendable, CaseIterable {
        /// There is no object of that key, or no bucket or directory to put it in.
        case notFound
        /// The key is taken, and the object was only to be made where there is none.
        case exists
        /// The storage knows who asks and says no.
        case denied
        /// Object Lock or a legal hold keeps the object: nobody can remove it now.
        case locked
        /// The bytes are not those that the SHA-256 was made of.
        case changed
        /// There are more bytes than the named limit lets in.
        case tooLarge
        /// The storage does not answer, or cannot do it now, also after all retries. It may work later.
        case unavailable
        /// A location, a key, a setting or a wish that cannot be. It will not work later either.
        case invalid
    }

    package var code: Code
    /// What is wrong and what to do. Never a credential.
    package var message: String
    /// The object that it is about, as the caller named it.
    package var key: String?
    /// What the server answered (RFC 9110 section 15), where one did.
    package var status: Int?

    package init(_ code: Code, _ message: String, key: String? = nil, status: Int? = nil) {
        (self.code, self.message, self.key, self.status) = (code, message, key, status)
    }

    /// A failure of the file system below a directory that is an archive.
    package init(_ failure: IOFailure, key: String? = nil) {
        let code: Code
        var advice = ""
        switch (failure.operation, failure.code) {
        case ("link", EPERM), ("link", EOPNOTSUPP), ("link", ENOSYS):
            code = .invalid
            advice =
                "; this file system has no hard links, and without them an object cannot be made atomically: "
                + "archive to another (ext4, XFS, Btrfs, NFS)"
        case (_, EACCES), (_, EPERM), (_, EROFS): code = .denied
        case (_, ENOENT): code = .notFound
        case (_, EEXIST): code = .exists
        case (_, EFBIG): code = .tooLarge
        case (_, EISDIR), (_, ENOTDIR), (_, EINVAL), (_, ENAMETOOLONG), (_, ELOOP): code = .invalid
        default: code = .unavailable
        }
        self.init(code, failure.description + advice, key: key)
    }

    /// One line with the key and the reason.
    package var description: String { key.map { "\($0): \(message)" } ?? message }

    /// The same failure, about this object.
    package func about(_ key: String) -> ArchiveError {
        var error = self
        error.key = key
        return error
    }
}

/// Runs `body` and says of which object its failure was.
package func storing<R>(_ key: String? = nil, _ body: () throws(IOFailure) -> R) throws(ArchiveError) -> R {
    do throws(IOFailure) {
        return try body()
    } catch {
        throw ArchiveError(error, key: key)
    }
}
