import CairnPlatform
import Foundation
import Testing

/// A few clients of which each sends an event and waits for its answer, all in turn and from one thread: every run does
/// the same, up to the fault.
struct Workload {
    static let clients = 3

    /// What each client sends, in order, without the LF. No two are the same.
    let lines: [[String]]

    /// `name` makes its lines different from those of another. A round of events is about 20 KB in a segment.
    init(_ name: String, rounds: Int) {
        var random = Random(seed: 1)
        lines = (0..<Self.clients).map { client in
            (0..<rounds).map { round in
                // Text that does not pack well, so that a few events fill a segment.
                let words = (0..<800).map { _ in
                    String(UInt64.random(in: 0...UInt64.max, using: &random), radix: 36)
                }
                let id = "\(name).\(client).\(round)"
                return #"{"action":"work","module":"m","id":"\#(id)","details":"\#(words.joined())"}"#
            }
        }
    }

    /// Sends everything, rotates in the middle, and ends early if the daemon does. Returns what was acknowledged, with
    /// its sequence number.
    func run(_ daemon: DaemonProcess) throws -> [String: UInt64] {
        var acknowledged: [String: UInt64] = [:]
        guard let clients = try? (0..<Self.clients).map({ _ in try daemon.acknowledged() }) else { return [:] }
        var isOpen = clients.map { _ in true }
        for round in lines[0].indices {
            for (number, client) in clients.enumerated() where isOpen[number] {
                isOpen[number] = (try? client.send(lines[number][round] + "\n")) != nil
            }
            for (number, client) in clients.enumerated() where isOpen[number] {
                guard let run = try Self.acknowledgement(client) else {
                    isOpen[number] = false
                    continue
                }
                acknowledged[lines[number][round]] = run.first_seq
            }
            if round == lines[0].count / 2 {
                // The answer comes when it is done; none comes if the daemon ends over it.
                let control = try? EventClient(daemon.place.control)
                try? control?.send("{\"command\":\"rotate\"}\n")
                _ = try? control?.line()
            }
        }
        return acknowledged
    }

    /// The next one; nil once the daemon has hung up. That it is out of space for now is no answer.
    private static func acknowledgement(_ client: EventClient) throws -> Answer.Acknowledgement? {
        while true {
            let line: [UInt8]?
            do {
                line = try client.line()
            } catch is IOFailure {
                return nil
            }
            switch try line.map({ try Answer($0) }) {
            case nil: return nil
            case .accepted(let run)?: return run
            case .refused(let refusal)? where refusal.code == "unavailable" && refusal.line == nil: continue
            case let answer?: throw Timeout(description: "not an acknowledgement: \(answer)")
            }
        }
    }
}

extension DaemonProcess.Place {
    /// Starts a daemon on what a fault left behind, sends everything once more, and expects each line there once, with
    /// its bytes, and where it was acknowledged to be. Returns how many of the acknowledged are lost.
    func expectIntact(
        _ workloads: [Workload], _ acknowledged: [String: UInt64], flags: [String] = [], _ comment: Comment
    ) throws -> Int {
        let daemon = try DaemonProcess(self, flags)
        let before = Set(try stored.lines().ours.map(\.string))
        let lost = acknowledged.keys.count { !before.contains($0) }
        #expect(lost == 0, comment)
        let all = workloads.flatMap(\.lines)
        for lines in all {
            let answers = try daemon.acknowledged().converse(Array(lines.map { $0 + "\n" }.joined().utf8))
            for (line, sequence) in zip(lines, answers.sequences) {
                if let known = acknowledged[line] { #expect(sequence == known, comment) }
            }
        }
        var found: [String: UInt64] = [:]
        for line in try daemon.stop().ours {
            #expect(found.updateValue(line.sequence, forKey: line.string) == nil, "\(comment): a line is there twice")
        }
        #expect(Set(found.keys) == Set(all.joined()), comment)
        #expect(acknowledged.allSatisfy { found[$0] == $1 }, comment)
        try stored.expectVerified(comment)
        return lost
    }
}
