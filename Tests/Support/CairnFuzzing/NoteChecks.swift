import CairnFormat

/// A signed note. What is taken is put together to the same bytes again.
final class NoteCheck: FuzzCheck {
    private let keys: [VerifierKey]

    init() throws(FormatError) { keys = try [Fixture.signer(1).verifier, Fixture.signer(2).verifier] }

    func check(_ input: UnsafeRawBufferPointer) throws(PropertyFailure) -> Bool {
        let bytes = Array(input)
        let decoded = try accepted(within: bytes.count) { () throws(FormatError) in try SignedNote(bytes) }
        guard let note = decoded else { return false }
        try require((1...Limits.signatures).contains(note.signatures.count), "too many signatures")
        var output = Array((note.text + "\n").utf8)
        for signature in note.signatures {
            var blob: [UInt8] = withUnsafeBytes(of: signature.keyID.bigEndian) { Array($0) }
            blob += signature.bytes
            output += Array("\u{2014} \(signature.name) \(Base64.encode(blob))\n".utf8)
        }
        try agree(encoded: output, bytes, "the note")
        for key in keys {
            guard (try? note.verify(key)) != nil else { continue }
            // Whoever verifies it must be the one who signed: the text cannot be another.
            var changed = note
            changed.text += " "
            try require((try? changed.verify(key)) == nil, "a signature verifies two texts")
        }
        return true
    }
}

/// The text of a note: origin, seal, head or checkpoint. Each statement has one form only.
final class StatementCheck: FuzzCheck {
    func check(_ input: UnsafeRawBufferPointer) throws(PropertyFailure) -> Bool {
        // As a signed note gives it out: UTF-8 that ends with an LF and has no other control characters.
        guard input.last == 0x0A, input.allSatisfy({ $0 >= 32 || $0 == 10 }),
            let text = String(validating: input, as: UTF8.self)
        else { return false }
        let size = input.count
        let seal = try accepted(within: size) { () throws(FormatError) in try Seal(text: text) }
        let others = [
            try accepted(within: size) { () throws(FormatError) in try OriginStatement(text: text).text },
            try accepted(within: size) { () throws(FormatError) in try Head(text: text).text },
            try accepted(within: size) { () throws(FormatError) in try Checkpoint(text: text).text },
            seal?.text,
        ].compactMap { $0 }
        try require(others.count <= 1, "one text is two statements")
        guard let again = others.first else { return false }
        try agree(encoded: Array(again.utf8), input, "the statement")
        if let seal {
            try require(seal.endSequence < Limits.sequence, "the seal ends behind the last number")
            let (sum, isTooBig) = seal.modules.reduce((UInt64(0), false)) { sum, module in
                let (next, overflow) = sum.0.addingReportingOverflow(module.count)
                return (next, sum.1 || overflow)
            }
            try require(!isTooBig && sum == seal.count, "the modules do not add up to the events")
        }
        return true
    }
}

/// Verifier keys, private keys and origins.
final class KeyCheck: FuzzCheck {
    func check(_ input: UnsafeRawBufferPointer) throws(PropertyFailure) -> Bool {
        guard let text = String(validating: input, as: UTF8.self) else { return false }
        if let origin = try accepted(within: input.count, { () throws(FormatError) in try Origin(text) }) {
            try agree(encoded: Array(origin.description.utf8), input, "the origin")
        }
        if let key = try accepted(within: input.count, { () throws(FormatError) in try VerifierKey(text) }) {
            try agree(encoded: Array(key.description.utf8), input, "the verifier key")
            return true
        }
        if let key = try accepted(within: input.count, { () throws(FormatError) in try WitnessKey(text) }) {
            try agree(encoded: Array(key.description.utf8), input, "the key of a witness")
            return true
        }
        if let key = try accepted(within: input.count, { () throws(FormatError) in try SignerKey(text) }) {
            try agree(encoded: key.file, input.last == 0x0A ? Array(input) : input + [0x0A], "the private key")
            return true
        }
        return false
    }
}
