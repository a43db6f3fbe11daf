import CairnPlatform

/// Made-up events as a producer writes them, one line each, the same for the same seed.
public struct LoadEvents: Sendable {
    /// Lines with their LFs, one behind the other.
    public let bytes: [UInt8]
    /// Where each line begins, and the end of the last.
    public let starts: [Int]

    /// Number of lines.
    public var count: Int { starts.count - 1 }

    private static let modules = [
        "authentication", "scanning", "reporting", "administration", "user_management", "exploitation", "system",
    ]
    private static let actions = ["login", "login_failed", "export", "update", "delete", "create"]
    private static let messages = [
        "password mismatch", "account locked", "token expired", "quota exceeded", "report delivered", "scan finished",
        "session closed", "settings saved", "role granted", "export started",
    ]
    private static let words = [
        "the", "report", "was", "read", "by", "customer", "because", "invoice", "number", "changed", "after", "review",
        "approved", "amount", "of", "order", "address", "and", "sent", "to", "branch",
    ]

    /// What fills events up to the size that is asked for.
    public enum Filling: Sendable, CaseIterable {
        /// `details.text`: English words in random order, which compress badly.
        case words
        /// `details.records`: objects with the same members, as the rows of an export.
        case records
    }

    /// - Parameter size: bytes of a line with its LF, on average; what is below 330 is not filled up.
    public init(count: Int, size: Int, filling: Filling = .words, seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var (bytes, starts) = ([UInt8](), [0])
        bytes.reserveCapacity(count * (size + 64))
        for number in 0..<count {
            LoadEvents.append(number, size: size, filling, &random, to: &bytes)
            starts.append(bytes.count)
        }
        (self.bytes, self.starts) = (bytes, starts)
    }

    /// Events that somebody else made: a line each, the last perhaps without its LF; empty lines are left out.
    public init(lines: [UInt8]) {
        var (bytes, starts) = ([UInt8](), [0])
        bytes.reserveCapacity(lines.count + 1)
        for line in lines.split(separator: UInt8(ascii: "\n")) {
            bytes.append(contentsOf: line)
            bytes.append(UInt8(ascii: "\n"))
            starts.append(bytes.count)
        }
        (self.bytes, self.starts) = (bytes, starts)
    }

    private static func append(
        _ number: Int, size: Int, _ filling: Filling, _ random: inout SplitMix64, to bytes: inout [UInt8]
    ) {
        let user = random.below(500)
        let millisecond = number * 20
        func digits(_ value: Int, _ count: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        let clock = [millisecond / 3_600_000 % 24, millisecond / 60_000 % 60, millisecond / 1000 % 60]
        let time = clock.map { digits($0, 2) }.joined(separator: ":") + "." + digits(millisecond % 1000, 3)
        let session = digits(0, 16) + String(random.next(), radix: 16)
        let status = random.element(["success", "success", "failed", "info"])
        var line = #"{"timestamp":"2026-01-01T\#(time)Z","action":"\#(random.element(actions))","#
        line += #""module":"\#(random.element(modules))","status":"\#(status)","#
        line += #""severity":"\#(random.element(["low", "medium", "high"]))","actor":{"type":"user","id":"u\#(user)","#
        line += #""email":"user\#(user)@harbour.example"},"#
        line += #""target":{"type":"invoice","id":"INV-\#(random.below(1_000_000))"},"#
        line += #""ip_address":"10.\#(random.below(256)).\#(random.below(256)).7","#
        line += #""session_id":"\#(session.suffix(16))","details":{"message":"\#(random.element(messages))""#
        let rest = size - line.utf8.count - 12
        if rest > 8 {
            switch filling {
            case .words: line += #","text":"\#(text(rest, &random))""#
            case .records: line += #","records":[\#(records(rest - 7, &random))]"#
            }
        }
        bytes.append(contentsOf: (line + "}}\n").utf8)
    }
}

extension LoadEvents {
    private static func text(_ size: Int, _ random: inout SplitMix64) -> Substring {
        var text = ""
        while text.utf8.count < size { text += random.element(words) + " " }
        return text.prefix(size)
    }

    /// As many as come nearest to the size.
    private static func records(_ size: Int, _ random: inout SplitMix64) -> String {
        var text = ""
        while true {
            let number = random.below(1_000_000)
            var record =
                #"{"id":"INV-\#(number)","customer":"C-\#(random.below(5000))","amount":\#(random.below(500_000))"#
            record += #","currency":"\#(random.element(["EUR", "USD", "CHF"]))","#
            record +=
                #""state":"\#(random.element(["open", "paid", "late"]))","due":"2026-\#(10 + random.below(3))-15"}"#
            let more = record.utf8.count + (text.isEmpty ? 0 : 1)
            if text.utf8.count + more / 2 > size { return text }
            text += (text.isEmpty ? "" : ",") + record
        }
    }
}

extension SplitMix64 {
    mutating func element<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
}
