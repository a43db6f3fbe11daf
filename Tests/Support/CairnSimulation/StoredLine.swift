import CairnFormat
import CairnPlatform
import CairnReader

/// A stored line by its parts.
struct StoredLine {
    var sequence: UInt64
    var received: Time
    /// Nil of an event that was erased.
    var uid: Int?
    /// The line as it came in: without the stamps. Of an event of the daemon itself it begins with `"_own"`.
    var line: [UInt8]

    var isErased: Bool { uid == nil }

    /// Reads every block of every segment, in order, without index and seals.
    static func all(_ directory: LogDirectory) throws -> [StoredLine] {
        guard try directory.files.status(FileNames.origin) != nil else { return [] }
        var stored: [StoredLine] = []
        for segment in try directory.segments() where segment.hasData {
            let reader: SegmentReader
            do throws(ReadError) {
                reader = try SegmentReader(directory.files, path: segment.path(.data))
            } catch {
                // The header of a new segment was torn: recovery replaces it, and nothing can stand behind it.
                continue
            }
            var lines: [UInt8] = []
            while let item = try? reader.next(into: &lines), case .block = item {
                for line in lines.split(separator: UInt8(ascii: "\n")) { stored.append(try take(apart: line)) }
            }
        }
        return stored
    }

    private static func take(apart line: ArraySlice<UInt8>) throws(Violation) -> StoredLine {
        let erased = Array(line).withUnsafeBytes { bytes in
            RedactedLine.isOne(bytes) ? try? RedactedLine(line: bytes) : nil
        }
        if let erased {
            return StoredLine(sequence: erased.sequence, received: .distantPast, uid: nil, line: Array(line))
        }
        // {"_seq":1,"_received":"…","_uid":1,"_pid":1,REST
        let parts = line.split(separator: UInt8(ascii: ","), maxSplits: 4, omittingEmptySubsequences: false)
        func value(_ part: ArraySlice<UInt8>, _ name: String) -> ArraySlice<UInt8>? {
            part.starts(with: Array(name.utf8)) ? part.dropFirst(name.utf8.count) : nil
        }
        func number(_ part: ArraySlice<UInt8>, _ name: String) -> UInt64? {
            value(part, name).flatMap { UInt64(String(decoding: $0, as: UTF8.self)) }
        }
        guard parts.count == 5, let sequence = number(parts[0], "{\"_seq\":"), let uid = number(parts[2], "\"_uid\":"),
            let time = value(parts[1], "\"_received\":\"")?.dropLast(),
            let received = Array(time).withUnsafeBytes({ Time(rfc3339: $0) })
        else { throw Violation("a stored line without stamps: \(String(decoding: line, as: UTF8.self))") }
        return StoredLine(
            sequence: sequence, received: received, uid: Int(uid), line: [UInt8(ascii: "{")] + parts[4])
    }

    // MARK: What it says

    func contains(_ text: String) -> Bool {
        let needle = Array(text.utf8)
        return line.indices.contains { line[$0] == needle[0] && line[$0...].starts(with: needle) }
    }

    /// What stands in `"module":"…"`, which every line has once.
    var module: String {
        let name = Array("\"module\":\"".utf8)
        guard let start = line.indices.first(where: { line[$0] == name[0] && line[$0...].starts(with: name) }) else {
            return ""
        }
        return String(decoding: line[(start + name.count)...].prefix { $0 != UInt8(ascii: "\"") }, as: UTF8.self)
    }

    /// The number in `"action":"t12"`; nil for other events.
    var tag: Int? {
        let start = Array("{\"action\":\"t".utf8)
        guard line.starts(with: start) else { return nil }
        let digits = line.dropFirst(start.count).prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return Int(String(decoding: digits, as: UTF8.self))
    }

    /// Whether it accounts for what is not there any more, or names what is in the archive.
    var isTrace: Bool {
        line.starts(with: Array("{\"_own\":true".utf8))
            && Trace.Kind.allCases.contains { contains("\"action\":\"\($0.rawValue)\"") }
    }
}
