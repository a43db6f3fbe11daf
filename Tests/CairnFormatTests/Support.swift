import CairnFormat
import Glibc
import Testing

/// SplitMix64 (S. Vigna). The seed of a run is printed, so that a failing random test can be run again with
/// `CAIRN_SEED=N`; each test draws from a stream of its own.
struct SeededRandom: RandomNumberGenerator {
    private static let runSeed: UInt64 = {
        let chosen = getenv("CAIRN_SEED").flatMap { UInt64(String(cString: $0)) }
        let seed = chosen ?? UInt64.random(in: 0...UInt64(UInt32.max))
        print("random tests: CAIRN_SEED=\(seed)")
        return seed
    }()

    private var state: UInt64

    init(_ test: String = #function) {
        var name = test
        state = name.withUTF8 { XXH64.hash(UnsafeRawBufferPointer($0), seed: SeededRandom.runSeed) }
    }

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    mutating func bytes(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 8)
        while bytes.count < count { bytes.append(littleEndian: next()) }
        bytes.removeLast(bytes.count - count)
        return bytes
    }

    mutating func element<T>(_ choices: [T]) -> T { choices[below(choices.count)] }
}

extension Array where Element == UInt8 {
    init(_ text: String) { self = Array(text.utf8) }

    var text: String { String(decoding: self, as: UTF8.self) }
    var hex: String { Hex.encode(self) }

    /// Calls `body` with bytes that end where their allocation ends, so that a read behind them can be found.
    func exactly<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
        defer { copy.deallocate() }
        copy.copyBytes(from: self)
        return try body(UnsafeRawBufferPointer(copy))
    }

    /// Calls `body` with the bytes and readable padding behind them, as the framer gives lines out.
    func padded<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        let padded = self + [UInt8](repeating: UInt8(ascii: "]"), count: JSONParser.padding)
        return try padded.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }
}

/// `#expect` for inner loops, where describing every value would take most of the time.
func check(
    _ condition: Bool, _ comment: @autoclosure () -> String = "", sourceLocation: SourceLocation = #_sourceLocation
) {
    if !condition { Issue.record("\(comment())", sourceLocation: sourceLocation) }
}

/// The code of the error that `body` throws; nil if it throws none.
func errorCode(_ body: () throws -> Void) -> FormatError.Code? {
    do {
        try body()
        return nil
    } catch let error as FormatError {
        return error.code
    } catch {
        Issue.record("an error of another type: \(error)")
        return nil
    }
}

func hexBytes(_ text: String) -> [UInt8] {
    Hex.decode(text.filter { !$0.isWhitespace }) ?? []
}

func digest(_ number: UInt64) -> Digest {
    var bytes: [UInt8] = []
    bytes.append(littleEndian: number)
    return Digest.sha256(bytes)
}

/// Fixed keys, names and times that the tests of the format share.
enum Fixture {
    static let name = "audit.example.com/host1"
    static let time = Time(nanoseconds: 1_795_246_752_123_456_000)

    static func origin() throws -> Origin { try Origin(name) }

    /// A key whose seed is 32 times `byte`.
    static func signer(_ byte: UInt8) throws -> SignerKey {
        try SignerKey(name: name, seed: [UInt8](repeating: byte, count: 32))
    }

    static func header(number: UInt64 = 0, first: UInt64 = 0) throws -> SegmentHeader {
        SegmentHeader(
            number: number, firstSequence: first, created: time, previousSeal: number == 0 ? .zero : digest(number),
            saltKey: [UInt8](0..<32), origin: try origin(), key: try signer(1).verifier)
    }
}
