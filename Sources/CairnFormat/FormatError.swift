/// Why bytes are not what the format says.
public struct FormatError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of disagreement it is; decides between the verdicts.
    public enum Code: String, Sendable {
        /// The bytes end before the structure does.
        case truncated
        /// The bytes contradict the format or each other.
        case malformed
        /// A checksum does not match.
        case checksum
        /// A hash or a count differs from what was recomputed.
        case mismatch
        /// A signature is missing or does not verify.
        case signature
        /// A version, feature or form that this program does not know.
        case unsupported
    }

    /// What kind of disagreement it is.
    public var code: Code
    /// What was wrong, with the found and the expected value where that helps.
    public var message: String
    /// Byte offset in the structure or file that was read, where known.
    public var offset: UInt64?

    package init(_ code: Code, _ message: String, at offset: UInt64? = nil) {
        self.code = code
        self.message = message
        self.offset = offset
    }

    /// The message, with the offset where it is known.
    public var description: String {
        guard let offset else { return message }
        return "\(message) (at byte \(offset))"
    }
}
