import CairnFormat
import CairnPlatform

/// A rule that a note breaks.
struct NoteProblem: Error {
    var verdict: Verdict
    var message: String
}

extension SignedStatement {
    /// Reads a note that `key` must have signed. The signature comes first: bytes that the key did not sign are
    /// TAMPERED, whatever they say. What the key did sign and this program cannot read is UNVERIFIABLE.
    init(note bytes: [UInt8], key: VerifierKey) throws(NoteProblem) {
        let note: SignedNote
        do throws(FormatError) {
            note = try SignedNote(bytes)
            try note.verify(key)
        } catch {
            throw NoteProblem(verdict: .tampered, message: error.description)
        }
        do throws(FormatError) {
            try self.init(note)
        } catch {
            throw NoteProblem(
                verdict: error.code == .mismatch ? .tampered : .unverifiable,
                message: "well signed, but not of a form that this program knows: \(error)")
        }
    }
}

extension LogDirectory {
    /// The beginning of a file, at most `limit` bytes and one more that shows that it is too long; nil if there is no
    /// such file.
    func beginning(of path: String, limit: Int) throws(ReadError) -> [UInt8]? {
        try accessing { () throws(IOFailure) in
            let file: any ReadableFile
            do throws(IOFailure) {
                file = try files.openForReading(path)
            } catch {
                if error.isMissing { return nil }
                throw error
            }
            let size = Int(min(try file.size(), UInt64(limit) + 1))
            return try [UInt8](unsafeUninitializedCapacity: size) { (buffer, count) throws(IOFailure) in
                let room = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<size])
                count = try file.read(at: 0, into: room)
            }
        }
    }
}
