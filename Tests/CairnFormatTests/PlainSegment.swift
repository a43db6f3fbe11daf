import Foundation
import Testing

@testable import CairnFormat

/// A segment read in the plainest way from what Format.md says, with as little of the code under test as can be: zlib
/// through /bin/zcat, JSON through Foundation, and the tables of the article as offsets.
struct PlainSegment {
    struct Block {
        var offset: Int
        var size: Int
        var lines: [[UInt8]]
        var firstSequence: UInt64
        var durable: UInt64
        var leastTime: Int64
        var greatestTime: Int64
        var leastReceived: Int64
        var root: [UInt8]
    }

    var number: UInt64
    var firstSequence: UInt64
    var saltKey: [UInt8]
    var blocks: [Block] = []
    /// Count, root and digest of the index in the footer, if there is one.
    var footer: (UInt64, [UInt8], [UInt8])?

    var lines: [[UInt8]] { blocks.flatMap(\.lines) }

    init(_ file: [UInt8]) throws {
        func integer<T: FixedWidthInteger>(_ offset: Int, _ type: T.Type = T.self) -> T {
            (0..<MemoryLayout<T>.size).reduce(0) { $0 | T(truncatingIfNeeded: file[offset + $1]) << T(8 * $1) }
        }
        func member(_ start: Int) throws -> (kind: UInt8, content: Int, end: Int) {
            #expect(Array(file[start..<(start + 10)]) == [0x1F, 0x8B, 8, 4, 0, 0, 0, 0, 0, 255])
            let length = Int(integer(start + 14, UInt16.self))
            #expect(integer(start + 10, UInt16.self) == UInt16(length + 4))
            #expect(file[start + 12] == UInt8(ascii: "C"))
            return (file[start + 13], start + 16, start + 16 + length)
        }
        func emptyPayload(_ offset: Int) {
            #expect(Array(file[offset..<(offset + 10)]) == [3, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        }
        let (kind, content, end) = try member(0)
        #expect(kind == UInt8(ascii: "H"))
        #expect(integer(content, UInt16.self) == 1)
        emptyPayload(end)
        number = integer(content + 12)
        firstSequence = integer(content + 20)
        saltKey = Array(file[(content + 68)..<(content + 100)])
        var offset = end + 10
        while offset < file.count {
            #expect(footer == nil)
            let (kind, content, end) = try member(offset)
            if kind == UInt8(ascii: "F") {
                footer = (
                    integer(content), Array(file[(content + 8)..<(content + 40)]),
                    Array(file[(content + 40)..<(content + 72)])
                )
                emptyPayload(end)
                offset = end + 10
                continue
            }
            #expect(kind == UInt8(ascii: "B"))
            let next = end + Int(integer(content + 4, UInt32.self)) + 8
            let text = try gunzip(Array(file[offset..<next]))
            #expect(text.count == Int(integer(content + 8, UInt32.self)))
            #expect(text.last == 10)
            let lines = text.dropLast().split(separator: 10, omittingEmptySubsequences: false).map(Array.init)
            #expect(lines.count == Int(integer(content + 12, UInt32.self)))
            blocks.append(
                Block(
                    offset: offset, size: next - offset, lines: lines, firstSequence: integer(content + 16),
                    durable: integer(content + 24), leastTime: integer(content + 32),
                    greatestTime: integer(content + 40),
                    leastReceived: integer(content + 48), root: Array(file[(content + 56)..<(content + 88)])))
            offset = next
        }
        #expect(offset == file.count)
    }

    /// The roots after each block, by RFC 6962 from the lines.
    func roots() -> [[UInt8]] {
        var salts = Salts(saltKey: saltKey)
        var tree = MerkleTree()
        var sequence = firstSequence
        return blocks.map { block in
            for line in block.lines {
                tree.append(Digest.sha256([0] + salts.withSalt(of: sequence) { $0.map { Array($0) } ?? [] } + line))
                sequence += 1
            }
            return tree.root.bytes
        }
    }
}

/// What /bin/zcat makes of the bytes.
func gunzip(_ bytes: [UInt8]) throws -> [UInt8] {
    let path = NSTemporaryDirectory() + "cairn-\(UUID().uuidString).gz"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return try zcat(path)
}

func zcat(_ path: String) throws -> [UInt8] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/zcat")
    process.arguments = [path]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return Array(output)
}
