import CairnFormat
import Testing

@Suite struct CodecTests {
    static let compressions: [Compression] = [.isal, .zlib(level: 1), .zlib(level: 6), .zlib(level: 9)]

    private static func compressible(_ count: Int, _ random: inout SeededRandom) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 100)
        let words = ["{\"action\":\"login\",", "\"module\":\"authentication\",", "\"id\":\"", "\"}\n"].map {
            Array($0.utf8)
        }
        while bytes.count < count {
            bytes += random.element(words)
            bytes.append(UInt8(ascii: "0") + UInt8(random.below(10)))
        }
        return Array(bytes.prefix(count))
    }

    static func inflate(
        _ stream: [UInt8], size: Int, _ backend: Inflater.Backend
    ) throws -> [UInt8] {
        let inflater = try Inflater(backend)
        // One byte more than wanted, so that there is an address even for an output of no bytes.
        var output = [UInt8](repeating: 0xEE, count: size + 1)
        try stream.exactly { stream in
            try output.withUnsafeMutableBytes {
                try inflater.inflate(stream, into: UnsafeMutableRawBufferPointer(rebasing: $0[..<size]))
            }
        }
        check(output.last == 0xEE)
        return output.dropLast()
    }

    /// Inputs of many sizes: compressible, random and of one value.
    private static let inputs: [[UInt8]] = {
        var random = SeededRandom("inputs")
        let (text, noise) = (compressible(2 << 20, &random), random.bytes(2 << 20))
        return [0, 1, 2, 3, 100, 4095, 65_535, 65_536, 262_144, 262_145, 2 << 20].flatMap { size in
            [Array(text.prefix(size)), Array(noise.prefix(size)), [UInt8](repeating: 0, count: size)]
        }
    }()

    @Test(arguments: compressions)
    func eachReadsTheOther(_ compression: Compression) throws {
        let deflater = try Deflater(compression)
        for input in Self.inputs {
            var stream = Array("before".utf8)
            try input.exactly { try deflater.deflate($0, appendingTo: &stream) }
            check(stream.prefix(6).elementsEqual("before".utf8))
            stream.removeFirst(6)
            for backend in [Inflater.Backend.isal, .zlib] {
                let output = try Self.inflate(stream, size: input.count, backend)
                check(output == input, "\(compression) to \(backend), \(input.count) bytes")
            }
        }
    }

    /// A stream stands for itself, whatever was compressed before. libisal's table of matches is not emptied between
    /// calls, so the streams of a used and of a new deflater may differ, but none refers to what is not in it.
    @Test(arguments: compressions)
    func keepsNothingBetweenCalls(_ compression: Compression) throws {
        var random = SeededRandom()
        let reused = try Deflater(compression)
        for _ in 0..<200 {
            let input = Self.compressible(random.below(3000), &random)
            var stream: [UInt8] = []
            try input.exactly { try reused.deflate($0, appendingTo: &stream) }
            for backend in [Inflater.Backend.isal, .zlib] {
                check(try Self.inflate(stream, size: input.count, backend) == input, "\(input.count) bytes")
            }
        }
    }

    /// A stream that is cut, longer, or of another size than stated is refused. What is changed inside may inflate to
    /// other bytes (the checksums find that) but never to the same number of bytes from a stream of another length.
    @Test(arguments: compressions, [Inflater.Backend.isal, .zlib])
    func refusesStreamsOfAnotherLength(_ compression: Compression, _ backend: Inflater.Backend) throws {
        var random = SeededRandom()
        for input in [Self.compressible(700, &random), random.bytes(300), [7]] {
            var stream: [UInt8] = []
            try input.exactly { try Deflater(compression).deflate($0, appendingTo: &stream) }
            for count in 0..<stream.count {
                check(
                    errorCode { _ = try Self.inflate(Array(stream[..<count]), size: input.count, backend) }
                        == .malformed, "cut to \(count) bytes")
            }
            for extra in [1, 2, 7, 8, 9, 64] {
                for byte in [0, 0xFF] as [UInt8] {
                    let longer = stream + [UInt8](repeating: byte, count: extra)
                    #expect(errorCode { _ = try Self.inflate(longer, size: input.count, backend) } == .malformed)
                }
            }
            for size in [0, input.count - 1, input.count + 1, input.count + 1000] where size != input.count {
                #expect(errorCode { _ = try Self.inflate(stream, size: size, backend) } == .malformed)
            }
        }
    }

    @Test(arguments: compressions, [Inflater.Backend.isal, .zlib])
    func survivesCorruption(_ compression: Compression, _ backend: Inflater.Backend) throws {
        var random = SeededRandom()
        let input = Self.compressible(2000, &random)
        var stream: [UInt8] = []
        try input.exactly { try Deflater(compression).deflate($0, appendingTo: &stream) }
        let inflater = try Inflater(backend)
        var output = [UInt8](repeating: 0, count: input.count)
        var refused = 0
        for index in stream.indices {
            for bit in [0, 3, 7] {
                var changed = stream
                changed[index] ^= 1 << UInt8(bit)
                let code = errorCode {
                    try changed.exactly { stream in
                        try output.withUnsafeMutableBytes { try inflater.inflate(stream, into: $0) }
                    }
                }
                if code == .malformed { refused += 1 }
            }
        }
        // The others inflate to something of the right size: that is for the checksums to find.
        #expect(refused > stream.count / 2)
        try stream.exactly { stream in
            try output.withUnsafeMutableBytes { try inflater.inflate(stream, into: $0) }
        }
        #expect(output == input)
    }

    @Test(arguments: [Inflater.Backend.isal, .zlib])
    func survivesNoise(_ backend: Inflater.Backend) throws {
        var random = SeededRandom()
        for _ in 0..<2000 {
            let noise = random.bytes(random.below(200))
            _ = try? Self.inflate(noise, size: random.below(1000), backend)
        }
        #expect(errorCode { _ = try Self.inflate([], size: 0, backend) } == .malformed)
    }

    @Test func refusesUnknownLevels() {
        #expect(errorCode { _ = try Deflater(.zlib(level: 10)) } == .unsupported)
        #expect(errorCode { _ = try Deflater(.zlib(level: -2)) } == .unsupported)
    }

    @Test(arguments: [Inflater.Backend.isal, .zlib])
    func readsTheEmptyPayload(_ backend: Inflater.Backend) throws {
        #expect(try Self.inflate([0x03, 0x00], size: 0, backend) == [])
    }
}
