import CairnFormat

/// Age files: what is taken has a layout without gaps, and what an identity opens decrypts as a whole or not at all.
final class AgeCheck: FuzzCheck {
    private let identity: AgeIdentity
    private let other: AgeIdentity

    init() throws(FormatError) {
        identity = try SeedAge.identity()
        other = try AgeIdentity(secretKey: [UInt8](repeating: 9, count: 32))
    }

    func check(_ input: UnsafeRawBufferPointer) throws(PropertyFailure) -> Bool {
        let start = UnsafeRawBufferPointer(rebasing: input.prefix(Limits.ageHeader))
        guard let header = try accepted(within: input.count, { () throws(FormatError) in try AgeHeader(start) }) else {
            return false
        }
        try require(header.size <= input.count && !header.stanzas.isEmpty, "a header of \(header.size) bytes")
        let layout = try accepted(within: input.count) { () throws(FormatError) in
            try AgeLayout(headerSize: header.size, fileSize: UInt64(input.count))
        }
        guard let layout else { return false }
        try checkPlaces(layout, header.size)
        let foreign = try accepted(within: input.count) { () throws(FormatError) in try header.unwrap(with: [other]) }
        try require(foreign ?? nil == nil, "another's identity opens it")
        let opened = try accepted(within: input.count) { () throws(FormatError) in
            try open(input, header, layout)
        }
        guard let payload = opened ?? nil else { return false }
        try checkPlaintext(payload, input)
        return true
    }

    private func open(
        _ input: UnsafeRawBufferPointer, _ header: AgeHeader, _ layout: AgeLayout
    ) throws(FormatError) -> AgePayload? {
        guard let key = try header.unwrap(with: [identity]) else { return nil }
        return try AgePayload(
            layout, fileKey: key, nonce: part(input, layout.nonce),
            lastChunk: part(input, layout.ciphertext(ofChunk: layout.lastChunk)))
    }

    private func part(_ input: UnsafeRawBufferPointer, _ range: Range<UInt64>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: input[Int(range.lowerBound)..<Int(range.upperBound)])
    }

    /// Nonce and chunks fill the file behind the header, and the plaintext is that of the chunks.
    private func checkPlaces(_ layout: AgeLayout, _ headerSize: Int) throws(PropertyFailure) {
        try agree(layout.nonce.lowerBound, UInt64(headerSize), "the nonce follows the header")
        var (end, plain) = (layout.nonce.upperBound, UInt64(0))
        for chunk in 0..<layout.chunkCount {
            let (sealed, opened) = (layout.ciphertext(ofChunk: chunk), layout.plaintext(ofChunk: chunk))
            try agree(sealed.lowerBound, end, "chunk \(chunk) follows the one before it")
            try agree(opened.lowerBound, plain, "the plaintext of chunk \(chunk) follows")
            try require(opened.count <= Int(AgeLayout.chunkSize), "chunk \(chunk) is too long")
            (end, plain) = (sealed.upperBound, opened.upperBound)
        }
        try agree(end, layout.fileSize, "the last chunk ends the file")
        try agree(plain, layout.plaintextSize, "the size of the plaintext")
    }

    private func checkPlaintext(_ payload: AgePayload, _ input: UnsafeRawBufferPointer) throws(PropertyFailure) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(AgeLayout.chunkSize), alignment: 16)
        defer { buffer.deallocate() }
        for chunk in 0..<payload.layout.chunkCount {
            let sealed = part(input, payload.layout.ciphertext(ofChunk: chunk))
            let size = try accepted(within: input.count) { () throws(FormatError) in
                try payload.decrypt(chunk: chunk, sealed, into: buffer)
            }
            guard let size else { continue }
            try agree(size, payload.layout.plaintext(ofChunk: chunk).count, "the size of chunk \(chunk)")
        }
    }
}

/// Files of identities, and single recipients: what is taken is written as it is read.
final class IdentityCheck: FuzzCheck {
    func check(_ input: UnsafeRawBufferPointer) throws(PropertyFailure) -> Bool {
        let bytes = Array(input)
        let identities = try accepted(within: bytes.count) { () throws(FormatError) in
            try AgeIdentity.parse(file: bytes)
        }
        for identity in identities ?? [] {
            let again = try mustSucceed("an identity's own text") { () throws(FormatError) in
                try AgeIdentity(identity.text)
            }
            try agree(again.text, identity.text, "the identity")
            try require(!"\(identity)".contains(identity.text), "the description shows the secret")
            let file = try mustSucceed("an identity's own file") { () throws(FormatError) in
                try AgeIdentity.parse(file: identity.file)
            }
            try agree(file.map(\.text), [identity.text], "the file")
        }
        let recipient = try accepted(within: bytes.count) { () throws(FormatError) in
            try AgeRecipient(String(decoding: bytes, as: UTF8.self))
        }
        if let recipient {
            // Bech32 may be in capitals, and is one name all the same.
            try agree("\(recipient)", String(decoding: bytes, as: UTF8.self).lowercased(), "the recipient")
        }
        return identities?.isEmpty == false || recipient != nil
    }
}

enum SeedAge {
    static func identity() throws(FormatError) -> AgeIdentity { try AgeIdentity(secretKey: Array(1...32)) }

    /// Files of an empty plaintext, of a line, and of another recipient.
    static func files() throws(FormatError) -> [Seed] {
        let own = try identity().recipient
        let other = try AgeIdentity(secretKey: Array(2...33)).recipient
        return [
            Seed("empty", try file("", to: [own])), Seed("line", try file("{\"action\":\"login\"}\n", to: [own])),
            Seed("two", try file("for both", to: [other, own])), Seed("other", try file("not for us", to: [other])),
        ]
    }

    private static func file(_ plaintext: String, to recipients: [AgeRecipient]) throws(FormatError) -> [UInt8] {
        var next: UInt8 = 0
        var encryption = try AgeEncryption(to: recipients) { count in
            (0..<count).map { _ in
                next &+= 29
                return next
            }
        }
        var file = encryption.start
        Array(plaintext.utf8).withUnsafeBytes { encryption.append($0, to: &file) }
        encryption.finish(to: &file)
        return file
    }

    static func identities() throws(FormatError) -> [Seed] {
        let identity = try identity()
        return [
            Seed("file", identity.file), Seed("several", Array("# two\r\n\r\n".utf8) + identity.file + identity.file),
            Seed("recipient", "\(identity.recipient)"),
        ]
    }
}
