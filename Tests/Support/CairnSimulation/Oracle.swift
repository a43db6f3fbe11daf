import CairnFormat
import CairnPlatform
package import CairnReader
import CairnStore

/// Says whether a log holds what clients were promised, and nothing else. It reads the disk as it is, without faults.
package struct Oracle {
    /// A stored line by its parts.
    private struct Stored {
        var sequence: UInt64
        var uid: Int
        /// The line as it came in: without the stamps.
        var line: [UInt8]
    }

    private let machine: SimulatedMachine
    private let directory: LogDirectory
    private var stored: [Stored] = []

    /// Checks everything that must hold at any moment, and, of a process that runs, what its counters say. Queries take
    /// the most time, and can be left out.
    package static func check(_ machine: SimulatedMachine, asksQueries: Bool = true) throws(Violation) {
        do {
            try machine.kernel.watch {
                var oracle = Oracle(machine, LogDirectory(try machine.kernel.files()))
                try oracle.verify()
                try oracle.scan()
                try oracle.compareEvents()
                if asksQueries { try oracle.compareQueries() }
                try oracle.compareCounters()
            }
        } catch let violation as Violation {
            throw violation
        } catch {
            throw Violation("the log could not be read: \(error)")
        }
    }

    /// What a verifier says that looks at this moment; nil where there is no log yet.
    package static func verdict(_ kernel: SimulatedKernel) throws(Violation) -> Verification? {
        do {
            return try kernel.watch {
                try Verifier(LogDirectory(try kernel.files()), options: VerifyOptions(threads: 1)).run()
            }
        } catch let error as ReadError where error.code == .noLog {
            return nil
        } catch {
            throw Violation("the log could not be verified: \(error)")
        }
    }

    private init(_ machine: SimulatedMachine, _ directory: LogDirectory) {
        self.machine = machine
        self.directory = directory
    }

    private func require(_ holds: Bool, _ message: @autoclosure () -> String) throws(Violation) {
        if !holds { throw Violation(message()) }
    }

    private func verify() throws {
        guard let verification = try Self.verdict(machine.kernel) else {
            return try require(machine.ledger.acknowledged == 0, "there is no log, and events were acknowledged")
        }
        try require(
            verification.verdict == .verified,
            "\(verification.verdict.rawValue): \(verification.findings.map(\.message).joined(separator: "; "))")
    }

    // MARK: Every line

    /// Reads every block of every segment, in order, without index and seals.
    private mutating func scan() throws {
        guard try directory.files.status(FileNames.origin) != nil else { return }
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
                for line in lines.split(separator: UInt8(ascii: "\n")) { stored.append(try Self.take(apart: line)) }
            }
        }
    }

    private static func take(apart line: ArraySlice<UInt8>) throws(Violation) -> Stored {
        // {"_seq":1,"_received":"…","_uid":1,"_pid":1,REST
        let parts = line.split(separator: UInt8(ascii: ","), maxSplits: 4, omittingEmptySubsequences: false)
        func number(_ part: ArraySlice<UInt8>, _ name: String) -> UInt64? {
            guard part.starts(with: Array(name.utf8)) else { return nil }
            return UInt64(String(decoding: part.dropFirst(name.utf8.count), as: UTF8.self))
        }
        guard parts.count == 5, let sequence = number(parts[0], "{\"_seq\":"), let uid = number(parts[2], "\"_uid\":")
        else { throw Violation("a stored line without stamps: \(String(decoding: line, as: UTF8.self))") }
        return Stored(sequence: sequence, uid: Int(uid), line: [UInt8(ascii: "{")] + parts[4])
    }

    /// Acknowledged is present once, under its number and in order; what is present was sent; no number is left out.
    private func compareEvents() throws(Violation) {
        let ledger = machine.ledger
        var found: [Int: [UInt64]] = [:]
        for (index, event) in stored.enumerated() {
            try require(event.sequence == UInt64(index), "event \(event.sequence) stands where \(index) belongs")
            if event.uid != 1000 { continue }
            guard let tag = Self.tag(event.line) else { continue }
            try require(
                tag < ledger.events.count && ledger.events[tag].line == event.line,
                "event \(event.sequence) was never sent: \(String(decoding: event.line, as: UTF8.self))")
            found[tag, default: []].append(event.sequence)
        }
        for (tag, event) in ledger.events.enumerated() {
            let places = found[tag] ?? []
            try require(
                places.count <= (event.hasIdentity ? 1 : event.sent),
                "t\(tag) was sent \(event.sent) times and stands at \(places)")
            guard let sequence = event.sequence else { continue }
            if event.isInvalid {
                try checkRejection(event, tag, sequence)
            } else {
                try require(
                    places.contains(sequence), "t\(tag) was acknowledged as \(sequence) and stands at \(places)")
            }
        }
        for (connection, tags) in ledger.order {
            let sequences = tags.compactMap { ledger.events[$0].sequence }
            try require(
                zip(sequences, sequences.dropFirst()).allSatisfy { $0 < $1 },
                "connection \(connection): the order of \(sequences)")
        }
    }

    private func checkRejection(_ event: Ledger.Event, _ tag: Int, _ sequence: UInt64) throws(Violation) {
        let line = sequence < UInt64(stored.count) ? stored[Int(sequence)].line : []
        let text = String(decoding: line, as: UTF8.self)
        let digest = Hex.encode(Digest.sha256(event.line).bytes)
        try require(
            text.contains("\"event.rejected\"") && text.contains(digest),
            "t\(tag) was rejected as \(sequence), where there is: \(text)")
    }

    /// The number in `"action":"t12"`; nil for other events.
    private static func tag(_ line: [UInt8]) -> Int? {
        let start = Array("{\"action\":\"t".utf8)
        guard line.starts(with: start) else { return nil }
        let digits = line.dropFirst(start.count).prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return Int(String(decoding: digits, as: UTF8.self))
    }

    // MARK: Queries and counters

    /// What the indexes say is what the lines say.
    private func compareQueries() throws {
        guard let last = stored.last else { return }
        let log = AuditLog(directory)
        let some = stored[stored.count / 2]
        var filters: [(String, String)] = [("module=scanning", "\"module\":\"scanning\""), ("module=none", "\u{0}")]
        if let tag = Self.tag(some.line) { filters.append(("action=t\(tag)", "\"action\":\"t\(tag)\"")) }
        for (text, needle) in filters {
            let filter = try Filter(text)
            let expected = stored.filter { Self.contains($0.line, needle) }.map(\.sequence)
            for order in [Query.Order.oldestFirst, .newestFirst] {
                var answer: [UInt64] = []
                try log.forEach(Query(filter: filter, order: order)) { sequence, _ in
                    answer.append(sequence)
                    return .next
                }
                if order == .newestFirst { answer.reverse() }
                try require(answer == expected, "\(text) finds \(answer) instead of \(expected)")
            }
        }
        try require(try log.endSequence() == last.sequence + 1, "the end is not behind event \(last.sequence)")
    }

    private static func contains(_ line: [UInt8], _ needle: String) -> Bool {
        let needle = Array(needle.utf8)
        return line.indices.contains { line[$0] == needle[0] && line[$0...].starts(with: needle) }
    }

    private func compareCounters() throws {
        guard machine.phase == .running, let worker = machine.worker else { return }
        let (statistics, ledger) = (worker.core.statistics, machine.ledger)
        let counted = [statistics.accepted, statistics.rejected, statistics.duplicates]
        let told = [ledger.accepted + machine.ownAccepted, ledger.rejected, ledger.duplicates]
        try require(counted == told, "the counters say \(counted), the clients were told \(told)")
        try require(
            worker.core.durable == UInt64(stored.count), "durable is \(worker.core.durable) of \(stored.count) events")
        let seals = try directory.segments().filter(\.isSealed).count
        try require(worker.core.sealedSegments == UInt64(seals), "\(worker.core.sealedSegments) of \(seals) seals")
    }
}
