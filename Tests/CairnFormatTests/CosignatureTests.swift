import CairnFormat
import Testing

/// A checkpoint of a small log, and witnesses that cosign it.
enum WitnessFixture {
    static let seconds: UInt64 = 1_795_246_752

    static func witness(_ byte: UInt8, _ name: String = "witness.example/w1") throws -> WitnessSigner {
        try WitnessSigner(name: name, seed: [UInt8](repeating: byte, count: 32))
    }

    static func checkpoint(size: UInt64 = 3) throws -> SignedNote {
        let checkpoint = Checkpoint(origin: try Fixture.origin(), size: size, root: digest(size))
        return try SignedNote(Fixture.signer(9).sign(checkpoint.text))
    }
}

@Suite struct WitnessKeyTests {
    /// The key of C2SP signed-note with the type of a witness; its key ID computed with Python's hashlib.
    private static let text = "example.com/foo+7c264079+BOkyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"

    @Test func roundTrip() throws {
        let key = try WitnessKey(Self.text)
        #expect(key.name == "example.com/foo")
        #expect(key.description == Self.text)
        #expect(try WitnessFixture.witness(1).verifier == WitnessKey(WitnessFixture.witness(1).verifier.description))
    }

    @Test(
        arguments: [
            ("", .malformed), ("example.com/foo", .malformed), (VerifierKeyTests.c2sp, .unsupported),
            ("example.com/foo+7c264078+BOkyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", .malformed),
            ("example.com/fob+7c264079+BOkyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", .malformed),
            ("example.com/foo+7c264079+BOkyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3Q==", .malformed),
        ] as [(String, FormatError.Code)])
    func refuses(_ text: String, _ code: FormatError.Code) {
        #expect(errorCode { _ = try WitnessKey(text) } == code)
    }
}

@Suite struct CosignatureTests {
    /// C2SP tlog-cosignature, "Introduction", as it stands in the specification.
    @Test("the example of C2SP has the form of a cosignature, and its time")
    func specification() throws {
        let line =
            "\u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZ"
            + "qhf5nNo0xUe+mbIUBkBIfZ+qnA=="
        let signature = try SignedNote.Signature(line: line)
        #expect(signature.line == line)
        #expect(signature.keyID == 0x8D66_CF3F)
        #expect(signature.bytes.count == 72)
        #expect(signature.bytes.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } == 1_679_315_147)
    }

    @Test func signsAndVerifies() throws {
        let (own, other) = (try WitnessFixture.witness(1), try WitnessFixture.witness(2))
        let plain = try WitnessFixture.checkpoint()
        #expect(try plain.cosignature(by: own.verifier) == nil)
        let answer = [try own.cosign(plain.text, seconds: WitnessFixture.seconds)]
        let note = try plain.cosigned(by: own.verifier, answer)
        #expect(try note.cosignature(by: own.verifier)?.time == Time(rfc3339: "2026-11-21T07:39:12Z"))
        #expect(try note.cosignature(by: other.verifier) == nil)
        // Behind the log's own signature, which still holds; and the same after a round trip.
        try note.verify(Fixture.signer(9).verifier)
        #expect(try SignedNote(note.bytes) == note)
        #expect(note.signatures.count == 2)
    }

    @Test("a newer cosignature takes the place of the one before, and others stay")
    func replaces() throws {
        let (own, other) = (try WitnessFixture.witness(1), try WitnessFixture.witness(2, "w2"))
        var note = try WitnessFixture.checkpoint()
        for (signer, seconds) in [(own, 10), (other, 20), (own, 30)] as [(WitnessSigner, UInt64)] {
            note = try note.cosigned(by: signer.verifier, [signer.cosign(note.text, seconds: seconds)])
        }
        #expect(note.signatures.count == 3)
        #expect(try note.cosignature(by: own.verifier)?.time.nanoseconds == 30 * Time.perSecond)
        #expect(try note.cosignature(by: other.verifier)?.time.nanoseconds == 20 * Time.perSecond)
    }

    @Test("signatures of others in an answer are left out, and one of the witness must be there")
    func strangers() throws {
        let (own, other) = (try WitnessFixture.witness(1), try WitnessFixture.witness(2))
        let note = try WitnessFixture.checkpoint()
        let answer = [try other.cosign(note.text, seconds: 1), try own.cosign(note.text, seconds: 2)]
        #expect(try note.cosigned(by: own.verifier, answer).signatures.count == 2)
        #expect(errorCode { _ = try note.cosigned(by: own.verifier, []) } == .signature)
        #expect(errorCode { _ = try note.cosigned(by: own.verifier, [answer[0]]) } == .signature)
    }

    @Test("a cosignature of another checkpoint, time, key or length spoils the note")
    func wrong() throws {
        let own = try WitnessFixture.witness(1)
        let note = try WitnessFixture.checkpoint()
        let good = try own.cosign(note.text, seconds: 1000)
        func code(_ signature: SignedNote.Signature) -> FormatError.Code? {
            var changed = note
            changed.signatures.append(signature)
            return errorCode { _ = try changed.cosignature(by: own.verifier) }
        }
        #expect(code(good) == nil)
        #expect(code(try own.cosign(WitnessFixture.checkpoint(size: 4).text, seconds: 1000)) == .signature)
        for index in good.bytes.indices {
            var changed = good
            changed.bytes[index] ^= 1
            check(code(changed) == .signature, "byte \(index)")
        }
        for count in [0, 1, 7, 8, 71] {
            check(
                code(SignedNote.Signature(name: good.name, keyID: good.keyID, bytes: Array(good.bytes.prefix(count))))
                    != nil)
        }
        var longer = good
        longer.bytes.append(0)
        #expect(code(longer) == .signature)
        // A plain signature of the text is none of a witness.
        let plain = try SignedNote(
            SignerKey(name: own.verifier.name, seed: [UInt8](repeating: 1, count: 32)).sign(note.text))
        #expect(errorCode { try plain.verify(Fixture.signer(1).verifier) } == .signature)
        #expect(try plain.cosignature(by: own.verifier) == nil)
        for seconds in [UInt64(Int64.max), .max, 9_223_372_037] {
            #expect(code(try own.cosign(note.text, seconds: seconds)) == .malformed)
        }
        #expect(code(try own.cosign(note.text, seconds: 9_223_372_036)) == nil)
    }

    @Test("no more than sixteen signatures")
    func many() throws {
        var note = try WitnessFixture.checkpoint()
        for number in 2...16 {
            let signer = try WitnessFixture.witness(UInt8(number))
            note = try note.cosigned(by: signer.verifier, [signer.cosign(note.text, seconds: 1)])
        }
        #expect(try SignedNote(note.bytes).signatures.count == 16)
        let last = try WitnessFixture.witness(17)
        #expect(
            errorCode { _ = try note.cosigned(by: last.verifier, [last.cosign(note.text, seconds: 1)]) } == .signature)
    }
}
