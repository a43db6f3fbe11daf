import CairnFormat
import Testing

private let chunk = AgeFile.chunk
private let sealedChunk = AgeFile.sealedChunk

@Suite struct AgeLayoutTests {
    private static let header = 200
    /// Bytes of a file before its first chunk.
    private static let start = 216

    /// Sizes of a file behind its nonce, with the chunks and the plaintext's size.
    @Test(arguments: [
        (16, 1, 0), (17, 1, 1), (65_551, 1, 65_535), (65_552, 1, 65_536), (65_552 + 17, 2, 65_537),
        (2 * 65_552 - 1, 2, 131_071), (2 * 65_552, 2, 131_072), (2 * 65_552 + 17, 3, 131_073),
        (1_000_000 * 65_552, 1_000_000, 65_536_000_000),
    ])
    func sizes(_ sealed: Int, _ chunks: Int, _ plaintext: Int) throws {
        let layout = try AgeLayout(headerSize: Self.header, fileSize: UInt64(Self.start + sealed))
        #expect(layout.chunkCount == UInt64(chunks))
        #expect(layout.lastChunk == UInt64(chunks - 1))
        #expect(layout.plaintextSize == UInt64(plaintext))
        #expect(layout.nonce == 200..<216)
    }

    @Test(
        arguments: [
            (0, .truncated), (199, .truncated), (200, .truncated), (215, .truncated), (216, .truncated),
            (231, .truncated), (216 + 65_552 + 1, .truncated), (216 + 65_552 + 15, .truncated),
            (216 + 65_552 + 16, .malformed), (216 + 2 * 65_552 + 15, .truncated), (216 + 2 * 65_552 + 16, .malformed),
        ] as [(UInt64, FormatError.Code)])
    func refuses(_ fileSize: UInt64, _ code: FormatError.Code) {
        #expect(errorCode { _ = try AgeLayout(headerSize: Self.header, fileSize: fileSize) } == code)
    }

    @Test func theLargestFile() throws {
        let layout = try AgeLayout(headerSize: Self.header, fileSize: .max)
        #expect(layout.ciphertext(ofChunk: layout.lastChunk).upperBound == .max)
        #expect(layout.plaintext(ofChunk: layout.lastChunk).upperBound == layout.plaintextSize)
        #expect(layout.chunks(covering: 0..<(.max)) == 0..<layout.chunkCount)
    }

    /// The chunks follow each other without a gap, in the file and in the plaintext.
    @Test func chunksTile() throws {
        for sealed in [16, 17, sealedChunk, sealedChunk + 17, 3 * sealedChunk - 1, 5 * sealedChunk] {
            let layout = try AgeLayout(headerSize: Self.header, fileSize: UInt64(Self.start + sealed))
            var (file, plaintext) = (UInt64(Self.start), UInt64(0))
            for number in 0..<layout.chunkCount {
                let (from, to) = (layout.ciphertext(ofChunk: number), layout.plaintext(ofChunk: number))
                #expect(from.lowerBound == file && to.lowerBound == plaintext)
                #expect(from.count == to.count + 16 && to.count <= chunk)
                (file, plaintext) = (from.upperBound, to.upperBound)
            }
            #expect(file == layout.fileSize && plaintext == layout.plaintextSize)
        }
    }

    /// Ranges of a plaintext of 131,082 bytes in three chunks.
    @Test(
        arguments: [
            (0..<0, 0..<0), (70_000..<70_000, 0..<0), (0..<1, 0..<1), (65_535..<65_536, 0..<1),
            (65_535..<65_537, 0..<2),
            (65_536..<65_537, 1..<2), (65_536..<131_072, 1..<2), (131_071..<131_073, 1..<3), (131_081..<131_082, 2..<3),
            (131_082..<131_083, 0..<0), (0..<131_082, 0..<3), (131_072..<(.max), 2..<3), (999_999..<1_000_000, 0..<0),
        ] as [(Range<UInt64>, Range<UInt64>)])
    func covering(_ range: Range<UInt64>, _ chunks: Range<UInt64>) throws {
        let fileSize = UInt64(Self.start + 2 * sealedChunk + 26)
        let layout = try AgeLayout(headerSize: Self.header, fileSize: fileSize)
        #expect(layout.plaintextSize == 131_082)
        #expect(layout.chunks(covering: range) == chunks)
        let ciphertext = layout.ciphertext(covering: range)
        #expect(ciphertext.isEmpty == chunks.isEmpty)
        if !chunks.isEmpty {
            #expect(ciphertext.lowerBound == 216 + chunks.lowerBound * 65_552)
            #expect(ciphertext.upperBound == (chunks.upperBound == 3 ? fileSize : 216 + chunks.upperBound * 65_552))
        }
    }
}

@Suite struct AgeRoundTripTests {
    @Test func theVectorOfCCTV() throws {
        var entropy = AgeFixture.entropy.map(hexBytes)[...]
        var encryption = try AgeEncryption(to: [AgeRecipient(AgeFixture.recipientText)]) { count in
            let bytes = entropy.removeFirst()
            #expect(bytes.count == count)
            return bytes
        }
        var file = encryption.start
        Array("age".utf8).exactly { encryption.append($0, to: &file) }
        encryption.finish(to: &file)
        #expect(file.hex == AgeFixture.file.hex)
        #expect(entropy.isEmpty)
    }

    /// Three chunks of zeros, ones and twos with the keys of CCTV's `stream_three_chunks`; the hash of the ciphertext
    /// was computed with Python `cryptography`.
    @Test func threeChunks() throws {
        let entropy = [
            16: "7aa5bdac0e6afeed3dd0a7eccb42af44", 32: AgeFixture.entropy[1], 0: "c82f71eb82029b77136399e485e879f4",
        ]
        var asked = 0
        var encryption = try AgeEncryption(to: [AgeRecipient(AgeFixture.recipientText)]) { count in
            asked += 1
            return hexBytes(entropy[asked == 3 ? 0 : count] ?? "")
        }
        var payload: [UInt8] = []
        for value in [0, 1, 2] as [UInt8] {
            [UInt8](repeating: value, count: chunk).exactly { encryption.append($0, to: &payload) }
        }
        encryption.finish(to: &payload)
        #expect(
            Digest.sha256(payload).bytes.hex == "ad80136e6c42d32ad8a1f9b64f82b505117dcddc4819458d3a9b9f533fd796c0")
    }

    @Test(arguments: [
        0, 1, 2, 15, 16, 17, chunk - 17, chunk - 16, chunk - 1, chunk, chunk + 1, 2 * chunk - 1, 2 * chunk,
        2 * chunk + 1, 3 * chunk,
    ])
    func sizes(_ size: Int) throws {
        var random = SeededRandom()
        let identity = try AgeIdentity(secretKey: random.bytes(32))
        let plaintext = random.bytes(size)
        for piece in [100_000, chunk, .max] {
            let file = try AgeFile.encrypt(plaintext, to: [identity.recipient], piece: piece, random: &random)
            let payload = try #require(try AgeFile.open(file, [identity]))
            #expect(payload.layout.plaintextSize == UInt64(size))
            #expect(payload.layout.chunkCount == UInt64(max(1, (size + chunk - 1) / chunk)))
            #expect(try AgeFile.decrypt(file, [identity]) == plaintext)
        }
    }

    @Test func randomSizesAndPieces() throws {
        var random = SeededRandom()
        let identity = try AgeIdentity(secretKey: random.bytes(32))
        for _ in 0..<12 {
            let plaintext = random.bytes(random.below(3) * chunk + random.below(chunk))
            let piece = random.element([1000, chunk / 3, 2 * chunk])
            let file = try AgeFile.encrypt(plaintext, to: [identity.recipient], piece: piece, random: &random)
            check(try AgeFile.decrypt(file, [identity]) == plaintext, "\(plaintext.count) bytes in pieces of \(piece)")
        }
    }

    /// Of what was fed in, at most one chunk has not come out.
    @Test func holdsOneChunk() throws {
        var random = SeededRandom()
        let recipient = try AgeIdentity(secretKey: random.bytes(32)).recipient
        var encryption = try AgeEncryption(to: [recipient]) { random.bytes($0) }
        var output: [UInt8] = []
        var fed = 0
        for _ in 0..<40 {
            let piece = random.bytes(random.element([0, 1, 5000, chunk - 1, chunk, chunk + 1, 100_000]))
            piece.exactly { encryption.append($0, to: &output) }
            fed += piece.count
            check(output.count == max(0, fed - 1) / chunk * sealedChunk, "\(fed) bytes in, \(output.count) out")
        }
        encryption.finish(to: &output)
        let chunks = (fed + chunk - 1) / chunk
        #expect(output.count == fed + 16 * chunks)
    }

    @Test func randomAccessIsFullDecryption() throws {
        var random = SeededRandom()
        let identity = try AgeIdentity(secretKey: random.bytes(32))
        let plaintext = random.bytes(4 * chunk + 1234)
        let file = try AgeFile.encrypt(plaintext, to: [identity.recipient], random: &random)
        let payload = try #require(try AgeFile.open(file, [identity]))
        for _ in 0..<100 {
            let start = random.below(plaintext.count + 10)
            let range = UInt64(start)..<UInt64(start + random.element([0, 1, 100, chunk, 2 * chunk]))
            var parts: [UInt64: ArraySlice<UInt8>] = [:]
            for number in payload.layout.chunks(covering: range).shuffled(using: &random) {
                let place = payload.layout.plaintext(ofChunk: number)
                let wanted = place.clamped(to: range)
                let whole = try AgeFile.decrypt(file, payload, chunk: number)
                parts[number] =
                    whole[Int(wanted.lowerBound - place.lowerBound)..<Int(wanted.upperBound - place.lowerBound)]
            }
            let expected = plaintext[min(start, plaintext.count)..<min(Int(range.upperBound), plaintext.count)]
            check(parts.sorted { $0.key < $1.key }.flatMap(\.value).elementsEqual(expected), "\(range)")
        }
    }

    @Test func everyFileHasItsOwnKeys() throws {
        var random = SeededRandom()
        let identity = try AgeIdentity(secretKey: random.bytes(32))
        let first = try AgeFile.encrypt([1, 2, 3], to: [identity.recipient], random: &random)
        let second = try AgeFile.encrypt([1, 2, 3], to: [identity.recipient], random: &random)
        #expect(first.count == second.count)
        #expect(zip(first.suffix(19), second.suffix(19)).contains { $0 != $1 })
        #expect(first.prefix(100) != second.prefix(100))
    }

    @Test func recipientsAreBounded() throws {
        var random = SeededRandom()
        let recipient = try AgeIdentity(secretKey: random.bytes(32)).recipient
        func size(_ count: Int) throws -> Int {
            try AgeEncryption(to: [AgeRecipient](repeating: recipient, count: count)) { random.bytes($0) }.start.count
                - 16
        }
        #expect(errorCode { _ = try size(0) } == .malformed)
        let (one, two) = (try size(1), try size(2))
        #expect(two - one == 98)
        let most = (Limits.ageHeader - one) / 98 + 1
        #expect(most > 600)
        #expect(try size(most) <= Limits.ageHeader)
        #expect(errorCode { _ = try size(most + 1) } == .unsupported)
    }

    @Test(arguments: [(0, 16), (1, 32)]) func entropyOfAnotherLength(_ draw: Int, _ count: Int) throws {
        let recipient = try AgeRecipient(AgeFixture.recipientText)
        for wrong in [count - 1, count + 1] {
            var drawn = -1
            let code = errorCode {
                _ = try AgeEncryption(to: [recipient]) { asked in
                    drawn += 1
                    return [UInt8](repeating: 1, count: drawn == draw ? wrong : asked)
                }.start
            }
            #expect(code == .malformed)
        }
    }
}

@Suite struct AgeDamageTests {
    private static func file(
        _ size: Int, _ random: inout SeededRandom
    ) throws -> (file: [UInt8], plaintext: [UInt8], identity: AgeIdentity, header: Int) {
        let identity = try AgeIdentity(secretKey: random.bytes(32))
        let plaintext = random.bytes(size)
        let file = try AgeFile.encrypt(plaintext, to: [identity.recipient], random: &random)
        let header = try file.withBytes { bytes throws(FormatError) in try AgeHeader(bytes) }
        return (file, plaintext, identity, header.size)
    }

    /// Any single change is noticed: in the payload by a tag; in the header by its form, by its MAC, or because the
    /// stanza no longer opens.
    @Test func everyByteCounts() throws {
        var random = SeededRandom()
        let (file, _, identity, header) = try Self.file(40, &random)
        for index in file.indices {
            for change in [0x01, 0x02, 0x20, 0x80] as [UInt8] {
                var bytes = file
                bytes[index] ^= change
                var plaintext: [UInt8]?
                let code = errorCode { plaintext = try AgeFile.decrypt(bytes, [identity]) }
                check(plaintext == nil, "byte \(index) changed by \(change)")
                if index >= header { check(code == .mismatch, "byte \(index) changed by \(change): \(code as Any)") }
            }
        }
    }

    @Test func everyCutIsNoticed() throws {
        var random = SeededRandom()
        let (file, _, identity, header) = try Self.file(40, &random)
        for count in 0..<file.count {
            let code = errorCode { _ = try AgeFile.decrypt(Array(file.prefix(count)), [identity]) }
            // With a nonce and the room of a tag, only the tag tells.
            check(code == (count < header + 32 ? .truncated : .mismatch), "\(count) bytes: \(code as Any)")
        }
    }

    @Test func everyProlongationIsNoticed() throws {
        var random = SeededRandom()
        for size in [0, 40, chunk, 2 * chunk] {
            let (file, _, identity, _) = try Self.file(size, &random)
            for count in [1, 15, 16, 17, 100, sealedChunk, sealedChunk + 100] {
                for more in [random.bytes(count), [UInt8](repeating: 0, count: count)] {
                    let code = errorCode { _ = try AgeFile.open(file + more, [identity]) }
                    check(code != nil && code != .unsupported, "\(size) bytes and \(count) more: \(code as Any)")
                }
            }
        }
    }

    /// A reader learns it from the last chunk, before it has read any other.
    @Test func cutsBetweenChunksAreToldAsSuch() throws {
        var random = SeededRandom()
        let (file, _, identity, header) = try Self.file(3 * chunk + 100, &random)
        let first = header + 16
        for chunks in 1...3 {
            let end = first + chunks * sealedChunk
            let error = #expect(throws: FormatError.self) { try AgeFile.open(Array(file.prefix(end)), [identity]) }
            #expect(error?.code == .truncated)
            #expect(error?.offset == UInt64(end - sealedChunk))
            for near in [end - 100, end - 1, end + 1, end + 15, end + 16, end + 17] {
                #expect(errorCode { _ = try AgeFile.open(Array(file.prefix(near)), [identity]) } != nil, "\(near)")
            }
        }
    }

    @Test func damageStaysInItsChunk() throws {
        var random = SeededRandom()
        let (file, plaintext, identity, header) = try Self.file(3 * chunk + 100, &random)
        for number in 0..<3 {
            var bytes = file
            bytes[header + 16 + number * sealedChunk + random.below(sealedChunk)] ^= UInt8(1 << random.below(8))
            let payload = try #require(try AgeFile.open(bytes, [identity]))
            for other in 0..<4 {
                var got: [UInt8] = []
                let code = errorCode { got = try AgeFile.decrypt(bytes, payload, chunk: UInt64(other)) }
                #expect(code == (other == number ? .mismatch : nil))
                if other != number { #expect(got.elementsEqual(plaintext.dropFirst(other * chunk).prefix(chunk))) }
            }
        }
        var bytes = file
        bytes[file.count - 1 - random.below(116)] ^= 1
        #expect(errorCode { _ = try AgeFile.open(bytes, [identity]) } == .mismatch)
    }

    @Test func chunksHaveTheirPlace() throws {
        var random = SeededRandom()
        let (file, _, identity, header) = try Self.file(3 * chunk, &random)
        func piece(_ number: Int) -> ArraySlice<UInt8> {
            file.dropFirst(header + 16 + number * sealedChunk).prefix(sealedChunk)
        }
        let start = file.prefix(header + 16)
        let swapped = Array(start + piece(1) + piece(0) + piece(2))
        let payload = try #require(try AgeFile.open(swapped, [identity]))
        for number in [0, 1] as [UInt64] {
            #expect(errorCode { _ = try AgeFile.decrypt(swapped, payload, chunk: number) } == .mismatch)
        }
        for order in [[0, 2], [0, 1, 1], [0, 1, 2, 2], [2], [0, 2, 1]] {
            #expect(errorCode { _ = try AgeFile.open(Array(start + order.flatMap(piece)), [identity]) } == .mismatch)
        }
    }

    /// Two files of the same keys, which only a broken writer makes: what was the final chunk of one is in the middle
    /// of the other.
    @Test func finalChunkInTheMiddle() throws {
        var random = SeededRandom()
        let identity = try AgeIdentity(secretKey: random.bytes(32))
        let plaintext = random.bytes(2 * chunk)
        let seed = random.next()
        func file(_ plaintext: some Collection<UInt8>) throws -> [UInt8] {
            var same = SeededRandom(seed: seed)
            return try AgeFile.encrypt(Array(plaintext), to: [identity.recipient], random: &same)
        }
        let (short, long) = (try file(plaintext.prefix(chunk)), try file(plaintext))
        let mixed = short + long.suffix(sealedChunk)
        let payload = try #require(try AgeFile.open(mixed, [identity]))
        #expect(try AgeFile.decrypt(mixed, payload, chunk: 1).elementsEqual(plaintext.suffix(chunk)))
        let error = #expect(throws: FormatError.self) { try AgeFile.decrypt(mixed, payload, chunk: 0) }
        #expect(error?.code == .malformed)
        #expect(error?.message.contains("goes on behind chunk 0") == true)
        #expect(errorCode { _ = try AgeFile.decrypt(mixed, [identity]) } == .malformed)
    }

    @Test func writesNothingUnlessTheTagIsRight() throws {
        var random = SeededRandom()
        let (file, plaintext, identity, _) = try Self.file(chunk + 50, &random)
        let payload = try #require(try AgeFile.open(file, [identity]))
        var output = [UInt8](repeating: 0xAA, count: chunk)
        func decrypt(_ ciphertext: [UInt8]) throws -> Int {
            try output.withUnsafeMutableBytes { output in
                try ciphertext.withUnsafeBytes { try payload.decrypt(chunk: 1, $0, into: output) }
            }
        }
        let good = AgeFile.slice(file, payload.layout.ciphertext(ofChunk: 1))
        var bad = good
        bad[65] ^= 1
        #expect(errorCode { _ = try decrypt(bad) } == .mismatch)
        #expect(errorCode { _ = try decrypt(good.dropLast()) } == .truncated)
        #expect(errorCode { _ = try decrypt(good + [0]) } == .truncated)
        #expect(errorCode { _ = try decrypt([]) } == .truncated)
        #expect(output.allSatisfy { $0 == 0xAA })
        #expect(try decrypt(good) == 50)
        #expect(output.prefix(50).elementsEqual(plaintext.suffix(50)))
        #expect(output.dropFirst(50).allSatisfy { $0 == 0xAA })
    }

    @Test(arguments: [0, 15, 17]) func nonceThatIsNotWhole(_ count: Int) throws {
        let layout = try AgeLayout(headerSize: AgeFixture.header.utf8.count, fileSize: UInt64(AgeFixture.file.count))
        let nonce = [UInt8](repeating: 1, count: count)
        let last = AgeFile.slice(AgeFixture.file, layout.ciphertext(ofChunk: 0))
        let code = errorCode {
            _ = try nonce.withUnsafeBytes { nonce in
                try last.withUnsafeBytes { last in
                    try AgePayload(layout, fileKey: AgeFixture.fileKey(), nonce: nonce, lastChunk: last)
                }
            }
        }
        #expect(code == .truncated)
    }
}
