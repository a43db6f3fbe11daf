public import CairnFormat

/// A log on disk, for reading. It is never written to, needs no daemon, and may be read while the daemon writes it.
///
///     let log = try AuditLog(at: "/var/log/cairn")
///     let failed = try Filter("module=authentication status=failed")
///     try log.forEach(Query(filter: failed, order: .newestFirst, limit: 10)) { sequence, line in
///         print(sequence, String(decoding: line, as: UTF8.self))
///         return .next
///     }
public final class AuditLog: Sendable {
    package let directory: LogDirectory

    /// Opens the log in a directory.
    ///
    /// - Throws: a ``ReadError`` of code `noLog` if there is none.
    public init(at path: String) throws(ReadError) {
        directory = try LogDirectory(path: path)
    }

    /// Opens the log in a directory, some segments of which are encrypted for others than its host.
    ///
    /// - Parameter identityFile: the bytes of a file as age-keygen(1) writes it.
    /// - Throws: a ``ReadError`` of code `noLog` if there is no log, and of code `format` if that is no such file.
    public init(at path: String, identityFile: [UInt8]) throws(ReadError) {
        let identities = try reading("the file of identities") { () throws(FormatError) in
            try AgeIdentity.parse(file: identityFile)
        }
        directory = try LogDirectory(path: path, identities: identities)
    }

    package init(_ directory: LogDirectory) {
        self.directory = directory
    }

    /// The number that the next event will have: one more than the newest that is there, and 0 for an empty log.
    public func endSequence() throws(ReadError) -> UInt64 {
        guard let newest = try directory.segments().last else { return 0 }
        let known = try newest.isSealed ? directory.seal(newest)?.endSequence : nil
        if let known { return known }
        // How far an active segment has come stands in its last block.
        let scan = try QueryScan(directory, Query(order: .newestFirst, limit: 1))
        guard try scan.nextBatch(), let event = scan.matches.first else { return newest.firstSequence }
        return max(event.sequence + 1, newest.firstSequence)
    }

    /// The events that a query finds, one after the other.
    public func events(_ query: Query = Query()) throws(ReadError) -> QueriedEvents {
        QueriedEvents(try QueryScan(directory, query))
    }

    /// Calls `body` with the number and the stored line of each event that a query finds; the fastest way to read many.
    ///
    /// - Parameter body: the line is without its LF, and is there during the call only.
    @discardableResult
    public func forEach(
        _ query: Query = Query(), _ body: (UInt64, UnsafeRawBufferPointer) -> QueryStep
    ) throws(ReadError) -> QueryStatistics {
        let scan = try QueryScan(directory, query)
        while try scan.nextBatch() {
            let isStopped = scan.lines.withUnsafeBytes { bytes in
                scan.matches.contains { match in
                    body(match.sequence, UnsafeRawBufferPointer(rebasing: bytes[match.range])) == .stop
                }
            }
            if isStopped { break }
        }
        return scan.statistics
    }
}

/// The events that a query finds, in its order. Memory does not grow with their number.
public struct QueriedEvents {
    private let scan: QueryScan
    private var taken = 0

    init(_ scan: QueryScan) { self.scan = scan }

    /// What was done so far.
    public var statistics: QueryStatistics { scan.statistics }

    /// The events of the next spans that have any; nil behind the last.
    mutating func takeBatch() throws(ReadError) -> [QueriedEvent]? {
        if taken == scan.matches.count {
            taken = 0
            guard try scan.nextBatch() else { return nil }
        }
        defer { taken = scan.matches.count }
        return (taken..<scan.matches.count).map { scan.event($0) }
    }

    /// The next event; nil behind the last. An error comes after the events that were found before it, and ends the
    /// answer.
    public mutating func next() throws(ReadError) -> QueriedEvent? {
        if taken == scan.matches.count {
            taken = 0
            guard try scan.nextBatch() else { return nil }
        }
        defer { taken += 1 }
        return scan.event(taken)
    }
}

extension AuditLog {
    /// Makes proofs of events for third parties, who need neither the log nor a network to check them.
    ///
    /// - Parameters:
    ///   - checkpoint: one with cosignatures of witnesses, as it was answered; nil for the log's own.
    ///   - body: is called for each event in the order of their numbers.
    /// - Throws: a ``ReadError`` where the log is damaged, and what `body` throws.
    public func prove(
        _ sequences: [UInt64], checkpoint: [UInt8]? = nil,
        _ body: (UInt64, Result<EventProof, ProofObstacle>) throws -> Void
    ) throws {
        try Prover(directory, checkpoint: checkpoint).prove(sequences, body)
    }
}

extension AuditLog {
    /// Verifies the whole log, also while a daemon writes it. Every byte is read, hashed and compared,
    /// unless ``VerifyOptions/isOfEventsOnly`` asks for less.
    ///
    /// - Throws: a ``ReadError`` only where the operating system refuses; whatever is wrong with the log is a finding.
    public func verify(_ options: VerifyOptions = VerifyOptions()) throws(ReadError) -> Verification {
        try Verifier(directory, options: options).run()
    }
}
