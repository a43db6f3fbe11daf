public import CairnFormat
package import CairnPlatform

/// Why a log, or a part of it, could not be read.
public struct ReadError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What a caller acts on.
    public enum Code: String, Sendable {
        /// There is no log in the directory.
        case noLog
        /// The operating system refused.
        case io
        /// The bytes are not what the format says.
        case format
        /// The segment is encrypted, and no identity was given that opens it.
        case encrypted
        /// There are more different values than can be counted apart.
        case tooMany
    }

    /// What kind of failure it is.
    public var code: Code
    /// What was wrong, and what to do.
    public var message: String
    /// File in the log's directory; empty for the directory itself.
    public var path: String
    /// First event that could not be read, where known.
    public var sequence: UInt64?
    /// The kind of disagreement, for failures of code `format`.
    public var format: FormatError.Code?

    /// One line with the place and the reason.
    public var description: String {
        let place = path.isEmpty ? "" : "\(path): "
        guard let sequence else { return place + message }
        return "\(place)event \(sequence): \(message)"
    }

    package init(_ code: Code, _ message: String, path: String, sequence: UInt64? = nil) {
        self.code = code
        self.message = message
        self.path = path
        self.sequence = sequence
    }

    package init(_ failure: IOFailure) {
        code = failure.isWithoutIdentity ? .encrypted : failure.isDamagedEncryption ? .format : .io
        if failure.isDamagedEncryption { format = .mismatch }
        message = failure.description
        // The failure's own text names the file.
        path = ""
    }

    package init(_ error: FormatError, path: String, sequence: UInt64? = nil) {
        code = .format
        message = error.description
        self.path = path
        self.sequence = sequence
        format = error.code
    }
}

/// Runs `body` and says in which file its failure happened.
package func reading<R: ~Copyable>(_ path: String, _ body: () throws(FormatError) -> R) throws(ReadError) -> R {
    do throws(FormatError) {
        return try body()
    } catch {
        throw ReadError(error, path: path)
    }
}

package func accessing<R>(_ body: () throws(IOFailure) -> R) throws(ReadError) -> R {
    do throws(IOFailure) {
        return try body()
    } catch {
        throw ReadError(error)
    }
}
