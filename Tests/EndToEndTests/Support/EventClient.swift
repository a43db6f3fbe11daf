import CairnPlatform
import Foundation
import Testing

/// A client of one of the daemon's sockets.
final class EventClient: Sendable {
    private let connection: UnixConnection
    private let received = Guarded<[UInt8]>([])

    init(_ path: String) throws { connection = try UnixConnection(path: path) }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try connection.send($0) } }

    /// Sends what fits at once, and says how much that was.
    func sendAvailable(_ bytes: ArraySlice<UInt8>) throws -> Int {
        try bytes.withUnsafeBytes { try connection.sendAvailable($0) }
    }

    func finish() { connection.shutdownWriting() }

    /// The next line that the daemon writes, without its LF; nil at the end.
    func line(within seconds: Double = 60) throws -> [UInt8]? {
        while true {
            let found = received.withLock { buffer -> [UInt8]? in
                guard let end = buffer.firstIndex(of: 0x0A) else { return nil }
                defer { buffer.removeSubrange(...end) }
                return Array(buffer[..<end])
            }
            if let found { return found }
            guard try connection.poll(timeoutMilliseconds: Int32(seconds * 1000)) else {
                throw Timeout(description: "no answer within \(seconds) s")
            }
            guard try receive() > 0 else { return nil }
        }
    }

    func text() throws -> String? { try line().map { String(decoding: $0, as: UTF8.self) } }

    func answer(within seconds: Double = 60) throws -> Answer? {
        try line(within: seconds).map { try Answer($0) }
    }

    /// Everything up to the end.
    func answers() throws -> [Answer] {
        var answers: [Answer] = []
        while let answer = try answer() { answers.append(answer) }
        return answers
    }

    /// Whether the daemon has written nothing and does not for a moment.
    func isSilent(milliseconds: Int32) throws -> Bool {
        try received.withLock { $0.isEmpty } && !connection.poll(timeoutMilliseconds: milliseconds)
    }

    /// Sends all and ends, reads meanwhile, and returns every answer.
    func converse(_ bytes: [UInt8]) throws -> [Answer] {
        var rest = bytes[...]
        while !rest.isEmpty {
            let ready = try connection.poll(for: [.sending, .receiving], timeoutMilliseconds: 60_000)
            guard !ready.isEmpty else { throw Timeout(description: "the daemon neither reads nor writes") }
            if ready.contains(.receiving), try receive() == 0 { throw Timeout(description: "the daemon hung up") }
            if ready.contains(.sending) { rest = rest.dropFirst(try sendAvailable(rest)) }
        }
        finish()
        return try answers()
    }

    private func receive() throws -> Int {
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        let count = try piece.withUnsafeMutableBytes { try connection.receive(into: $0) }
        received.withLock { $0.append(contentsOf: piece[..<count]) }
        return count
    }
}

/// A line that the daemon answers with.
enum Answer: Equatable {
    struct Acknowledgement: Decodable, Equatable {
        var lines: Int
        var first_seq: UInt64
        var last_seq: UInt64
        var duplicate: Bool?
        var segment: UInt64?
        var leaves: [String]?
    }

    struct Refusal: Decodable, Equatable {
        var line: Int?
        var code: String
        var message: String
        var offset: Int?
        var seq: UInt64?
    }

    struct Hello: Decodable, Equatable {
        var version: Int
        var origin: String
        var max_event_bytes: Int
    }

    case hello(Hello)
    case accepted(Acknowledgement)
    case refused(Refusal)
    case synced(String)

    init(_ line: [UInt8]) throws {
        struct Line: Decodable {
            var _hello: Hello?
            var _ack: Acknowledgement?
            var _error: Refusal?
            var _synced: String?
        }
        let decoded = try JSONDecoder().decode(Line.self, from: Data(line))
        switch (decoded._hello, decoded._ack, decoded._error, decoded._synced) {
        case (let hello?, nil, nil, nil): self = .hello(hello)
        case (nil, let acknowledgement?, nil, nil): self = .accepted(acknowledgement)
        case (nil, nil, let refusal?, nil): self = .refused(refusal)
        case (nil, nil, nil, let token?): self = .synced(token)
        default: throw Timeout(description: "not an answer: \(String(decoding: line, as: UTF8.self))")
        }
    }

    /// Lines of the client that it answers.
    var lines: Int {
        switch self {
        case .accepted(let acknowledgement): acknowledgement.lines
        case .refused(let refusal): refusal.line == nil ? 0 : 1
        case .synced: 1
        case .hello: 0
        }
    }
}

extension [Answer] {
    /// The number under which each line was stored, in the order of the lines; nil for a `_sync`.
    var sequences: [UInt64?] {
        flatMap { answer -> [UInt64?] in
            switch answer {
            case .accepted(let run): (0..<UInt64(run.lines)).map { run.first_seq + $0 }
            case .refused(let refusal): refusal.line == nil ? [] : [refusal.seq]
            case .synced: [nil]
            case .hello: []
            }
        }
    }
}
