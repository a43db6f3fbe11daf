import CairnFormat
import CairnPlatform
package import CairnReader
import CairnStore

/// Says whether a log holds what clients were promised, and nothing else. It reads the disk as it is, without faults.
package struct Oracle {
    private let machine: SimulatedMachine
    private let directory: LogDirectory
    private var stored: [StoredLine] = []
    private var custody: CustodyLedger { machine.ledger.custody }

    /// Checks everything that must hold at any moment, and, of a process that runs, what its counters say. Queries take
    /// the most time, and can be left out.
    package static func check(_ machine: SimulatedMachine, asksQueries: Bool = true) throws(Violation) {
        do {
            try machine.kernel.watch {
                var oracle = Oracle(machine, LogDirectory(try machine.kernel.files()))
                try oracle.verify()
                oracle.stored = try StoredLine.all(oracle.directory)
                try oracle.compareCustody()
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

    /// What is not there was taken away on purpose, and what was taken away is not there.
    private func compareCustody() throws {
        var due: UInt64 = 0
        for event in stored {
            let sequence = event.sequence
            try require(sequence >= due, "event \(sequence) stands where \(due) belongs")
            for missing in due..<sequence {
                try require(custody.mayBePruned(missing), "event \(missing) is not there, and was never pruned")
            }
            due = sequence + 1
            try require(!custody.pruned.contains(sequence), "event \(sequence) was pruned, and is there")
            if event.isErased {
                try require(custody.mayBeErased(sequence), "event \(sequence) is erased, and nobody asked for it")
            } else {
                try require(
                    !custody.erased.contains(sequence),
                    "event \(sequence) was erased, and is there: \(String(decoding: event.line, as: UTF8.self))")
            }
        }
        try compareUndecided()
        try compareTraces()
        try compareArchive()
    }

    /// Once nothing is left to be finished, a redaction is done as a whole or not at all.
    private func compareUndecided() throws(Violation) {
        guard machine.phase == .running, machine.unfinished == nil else { return }
        let all = custody.undecided
        for (index, sequences) in all.enumerated() {
            let others = all.enumerated().filter { $0.offset != index }.map(\.element) + [custody.erased]
            let own = stored.filter { event in
                sequences.contains(event.sequence) && !others.contains { $0.contains(event.sequence) }
            }
            let erased = own.count(where: \.isErased)
            try require(
                erased == 0 || erased == own.count,
                "of one redaction \(sequences.ranges) only \(own.filter(\.isErased).map(\.sequence)) are erased")
        }
    }

    /// Once nothing is left to be finished, nothing stands that an event says is erased.
    private func compareTraces() throws {
        guard machine.phase == .running, machine.unfinished == nil else { return }
        var traces: [(event: UInt64, sequences: SequenceRanges)] = []
        try AuditLog(directory).forEachTrace(.redacted) { event, trace in
            if case .redacted(let redacted) = trace { traces.append((event, redacted.sequences)) }
            return .next
        }
        for event in stored where !event.isErased {
            let trace = traces.first { $0.sequences.contains(event.sequence) }
            try require(
                trace == nil, "event \(trace?.event ?? 0) says that \(event.sequence) is erased, and it is there")
        }
    }

    /// The log names as archived what it was told of, and all of it.
    private func compareArchive() throws {
        guard !stored.isEmpty else { return }
        var named = SequenceRanges()
        if case .archived(let sequences)? = try AuditLog(directory).newestTrace(.archived) { named = sequences }
        // Where events were erased since, the archive may hold them still: that segment is to be archived again.
        let forgotten = try directory.segments().filter(\.isSealed).compactMap { try directory.seal($0) }.first {
            seal in
            let own = seal.firstSequence..<seal.endSequence
            let isWhole = (custody.erased.clamped(to: own).isEmpty && custody.maybeErased.clamped(to: own).isEmpty)
            return isWhole && custody.archived.contains(own) && !named.contains(own)
        }
        try require(
            forgotten == nil,
            "\(custody.archived) were archived, and the log names \(named), without \(forgotten?.firstSequence ?? 0)")
        var possible = custody.archived
        possible.formUnion(custody.maybeArchived)
        let invented = named.ranges.first { !possible.contains($0) }
        try require(invented == nil, "the log names \(named) as archived, and nobody said more than \(possible)")
    }

    /// Acknowledged is present once, under its number and in order; what is present was sent.
    private func compareEvents() throws(Violation) {
        let ledger = machine.ledger
        var found: [Int: [UInt64]] = [:]
        for event in stored {
            if event.uid != 1000 { continue }
            guard let tag = event.tag else { continue }
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
            let mayBeGone = custody.mayBeGone(sequence) && !custody.holds(tag, event)
            if event.hasIdentity, custody.erased.contains(sequence) {
                try require(places.isEmpty, "t\(tag) was erased, and stands at \(places)")
            }
            if event.isInvalid {
                try checkRejection(event, tag, sequence, mayBeGone: mayBeGone)
            } else if !mayBeGone {
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

    private func checkRejection(
        _ event: Ledger.Event, _ tag: Int, _ sequence: UInt64, mayBeGone: Bool
    ) throws(Violation) {
        let found = stored.first { $0.sequence == sequence }
        if mayBeGone, found?.uid == nil { return }
        let text = String(decoding: found?.line ?? [], as: UTF8.self)
        let digest = Hex.encode(Digest.sha256(event.line).bytes)
        try require(
            text.contains("\"event.rejected\"") && text.contains(digest),
            "t\(tag) was rejected as \(sequence), where there is: \(text)")
    }

    // MARK: Queries and counters

    /// What the indexes say is what the lines say.
    private func compareQueries() throws {
        guard let last = stored.last else { return }
        let log = AuditLog(directory)
        let some = stored[stored.count / 2]
        var filters: [(String, String)] = [("module=scanning", "\"module\":\"scanning\""), ("module=none", "\u{0}")]
        if let tag = some.tag { filters.append(("action=t\(tag)", "\"action\":\"t\(tag)\"")) }
        for (text, needle) in filters {
            let filter = try Filter(text)
            let expected = stored.filter { $0.contains(needle) }.map(\.sequence)
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
        try require(try log.endSequence() == end, "the end is not behind event \(last.sequence)")
    }

    /// The number behind the last event, also where that was pruned.
    private var end: UInt64 {
        get throws(ReadError) {
            max(stored.last.map { $0.sequence + 1 } ?? 0, try directory.segments().last?.firstSequence ?? 0)
        }
    }

    private func compareCounters() throws {
        guard machine.phase == .running, let worker = machine.worker else { return }
        let (statistics, ledger) = (worker.core.statistics, machine.ledger)
        let counted = [statistics.accepted, statistics.rejected, statistics.duplicates]
        let told = [
            ledger.accepted + machine.ownAccepted, ledger.rejected, ledger.duplicates + machine.ownDuplicates,
        ]
        try require(counted == told, "the counters say \(counted), the clients were told \(told)")
        let end = try end
        try require(worker.core.durable == end, "durable is \(worker.core.durable) of \(end) events")
        let seals = try directory.segments().filter(\.isSealed).count
        try require(worker.core.sealedSegments == UInt64(seals), "\(worker.core.sealedSegments) of \(seals) seals")
    }
}
