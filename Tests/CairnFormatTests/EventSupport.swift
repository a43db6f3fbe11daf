import Foundation
import Testing

@testable import CairnFormat

extension EventBatch {
    /// What comes of these lines.
    static func parsing(
        _ lines: [[UInt8]], uid: UInt32 = 1000, sanitizing names: [String] = []
    ) throws -> EventBatch {
        let parser = try EventParser(sanitizer: Sanitizer(names: names))
        var batch = EventBatch()
        for line in lines {
            line.padded { _ = parser.parse(.whole($0), uid: uid, into: &batch) }
        }
        return batch
    }

    static func parsing(_ line: String, uid: UInt32 = 1000, sanitizing names: [String] = []) throws -> EventBatch {
        try parsing([Array(line.utf8)], uid: uid, sanitizing: names)
    }

    func line(_ index: Int = 0) -> [UInt8] { Array(bytes[entries[index].offset...].prefix(entries[index].size)) }

    func extra(_ index: Int = 0) -> String { Array(extraStamps[entries[index].extra]).text }

    func module(_ index: Int = 0) -> String { modules.names[Int(entries[index].facts.module)].text }

    func tokens(_ index: Int = 0) -> ArraySlice<UInt64> {
        let start = place(of: index).tokens
        return terms.tokens[start..<(start + entries[index].terms.tokens)]
    }

    /// Where what the index takes of an entry begins.
    func place(of index: Int) -> IndexTerms.Size {
        entries[..<index].reduce(IndexTerms.Size()) { $0 + $1.terms }
    }

    /// The line as it is stored.
    func stored(_ index: Int = 0, sequence: UInt64, received: Time = Fixture.time, pid: Int32 = 7) -> [UInt8] {
        let (line, brace) = (line(index), entries[index].brace)
        var stored = Array(line[..<brace])
        stored.append(text: "\"_seq\":")
        stored.append(decimal: sequence)
        stored.append(text: ",")
        Stamps.append(received: received, uid: 1000, pid: pid, to: &stored)
        return stored + extra(index).utf8 + line[brace...]
    }
}

func jsonObject(_ line: [UInt8]) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
}

/// Makes events as applications send them, and some as they should not.
struct EventGenerator {
    var random: SeededRandom
    private var number = 0

    init(_ random: SeededRandom) { self.random = random }

    mutating func line() -> [UInt8] {
        number += 1
        switch random.below(40) {
        case 0: return Array("not JSON \(number)".utf8)
        case 1: return Array("{\"action\":\"no module\",\"number\":\(number)}".utf8)
        case 2: return Array("  {\"module\":\"UPPER\",\"action\":5,\"status\":\"odd\"}\r".utf8)
        default: return event(details: random.below(200))
        }
    }

    /// An event whose details have that many bytes.
    mutating func event(details: Int) -> [UInt8] {
        var fields = [
            "\"action\":\"\(random.element(["login", "logout", "export", "größe"]))\"",
            "\"module\":\"\(random.element(["authentication", "system", "reporting", "a.b-c_d"]))\"",
        ]
        func sometimes(_ field: @autoclosure () -> String) { if random.below(2) == 0 { fields.append(field()) } }
        let (time, text) = (Time(nanoseconds: Int64(random.next() >> 2)), number)
        sometimes("\"timestamp\":\"\(time)\"")
        sometimes("\"id\":\"id-\(text)\"")
        sometimes("\"status\":\"\(random.element(["success", "failed", "warning", "info", "?"]))\"")
        sometimes("\"severity\":\"\(random.element(["low", "medium", "high", "critical", "?"]))\"")
        sometimes("\"actor\":{\"id\":\"u\(random.below(50))\",\"email\":\"\\u0061\(random.below(50))@example.com\"}")
        sometimes("\"target\":{\"type\":\"invoice\",\"id\":\(random.element(["1", "\"2\"", "null"]))}")
        sometimes("\"ip_address\":\"10.0.\(random.below(4)).\(random.below(256))\"")
        sometimes("\"tenant\":\"\(random.element(["acme", "globex"]))\"")
        sometimes("\"classification\":\"\(random.element(["PUBLIC", "INTERNAL", "secret"]))\"")
        sometimes("\"compliance\":[\(random.element(["", "\"SOC2\"", "\"SOC2\",\"GDPR\"", "5"]))]")
        sometimes("\"session_id\":\"s\(random.below(1000))\"")
        random.shuffle(&fields)
        // Long details repeat themselves: random letters would cost more than what is tested.
        let letters = (0..<min(details, 100)).map { _ in UInt8(ascii: "a") + UInt8(random.below(26)) }
        let filler = String(repeating: letters.text, count: details / max(letters.count, 1))
        fields.append("\"details\":\(random.below(2) == 0 ? "\"\(filler)\"" : members(filler))")
        return Array("{\(fields.joined(separator: random.element([",", ", "])))}".utf8)
    }
}

extension EventGenerator {
    /// Details as an object. All events together have more members than a batch or a span has columns.
    private mutating func members(_ filler: String) -> String {
        var members = ["\"filler\":[\"\(filler)\"]"]
        for _ in 0..<random.below(12) { members.append("\"m\(random.below(60))\":\"value \(random.below(20))\"") }
        random.shuffle(&members)
        return "{\(members.joined(separator: ","))}"
    }
}

extension SeededRandom {
    mutating func shuffle<T>(_ values: inout [T]) { values.shuffle(using: &self) }
}
