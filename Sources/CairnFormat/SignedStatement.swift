/// What the text of a signed note says: one form for each kind.
package protocol SignedStatement {
    /// Reads the text of a note whose signature is checked elsewhere.
    init(text: String) throws(FormatError)
    /// The text to be signed.
    var text: String { get }
}

extension OriginStatement: SignedStatement {}
extension Seal: SignedStatement {}
extension Head: SignedStatement {}
extension Checkpoint: SignedStatement {}

extension SignedStatement {
    /// Reads a note whose signature is checked elsewhere. A text that is not written in the one form of its kind is
    /// `unsupported`, as is one of a later version.
    package init(_ note: SignedNote) throws(FormatError) {
        try self.init(text: note.text)
        // By bytes: String's own equality holds between different texts that look the same.
        guard text.utf8.elementsEqual(note.text.utf8) else {
            throw FormatError(.unsupported, "it is not written in the one form of its kind")
        }
    }
}
