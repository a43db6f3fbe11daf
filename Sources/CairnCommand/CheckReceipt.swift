import ArgumentParser
import CairnFormat
import CairnPlatform
import CairnReader

/// `cairn check-receipt`
struct CheckReceipt: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-receipt",
        abstract: "Say whether the log still holds what was acknowledged.",
        discussion: """
            Receipts are the daemon's acknowledgements to a client that asked for them ("cairn send --receipts"), one a \
            line; other answers between them are passed over. With --proof the events of the proofs alone are compared, \
            and no log is needed. Without a key the log vouches for itself.

            EXAMPLES
              cairn check-receipt receipts.ndjson --key-file genesis.vkey
              cairn check-receipt receipts.ndjson --proof 42.tlog-proof --key-file genesis.vkey

            EXIT STATUS
              0 all VERIFIED; 1 one is not; 64 wrong usage; 65 no receipts, or no proof; 66 no log or file; 74 \
            input/output error.
            """)

    /// Leaves that are compared in one reading of the log, 32 bytes each.
    private static let batch = 1_000_000
    /// Bytes of a line at most, as `cairn send` takes them: an acknowledgement of more than a million events.
    private static let lineLimit = 64 << 20

    @Argument(help: ArgumentHelp("Files of answers; - is standard input.", valueName: "file"))
    var files: [String]

    @OptionGroup var log: LogOptions
    @OptionGroup var identity: IdentityOptions
    @OptionGroup var trust: KeyOptions
    @OptionGroup var witnesses: WitnessOptions

    @Option(name: .long, help: ArgumentHelp("A proof to compare with; can be given several times.", valueName: "file"))
    var proof: [String] = []

    @Flag(name: .long, help: "Print one JSON object for events in a row.")
    var json = false

    func validate() throws {
        if !proof.isEmpty, trust.key == nil, trust.keyFile == nil {
            throw ValidationError("Proofs want the key that is trusted: --key or --key-file.")
        }
        if proof.isEmpty, !witnesses.witness.isEmpty {
            throw ValidationError("--witness has a meaning with --proof alone.")
        }
    }

    func run() throws {
        var isGood = true
        var found = 0
        let compare = try comparison()
        for file in files {
            var receipts = 0
            try CheckReceipt.read(file) { batch in
                receipts += batch.count
                for finding in try compare(batch) {
                    found += 1
                    if finding.verdict != .verified { isGood = false }
                    try Output.print(json ? CheckReceipt.json(finding) : CheckReceipt.text(finding))
                }
            }
            if receipts == 0 {
                throw CommandFailure(
                    .data, "\(file) holds no receipts: a client asks for them in its hello, with \"receipts\":true")
            }
        }
        if found == 0 {
            throw CommandFailure(.negative, "none of the proofs is of an event that was acknowledged here")
        }
        if !isGood { throw CommandFailure(.negative) }
    }

    /// How to find out about receipts: with a log, or with proofs.
    private func comparison() throws -> ([Receipt]) throws -> [ReceiptFinding] {
        guard !proof.isEmpty else {
            let check = ReceiptCheck(try log.openDirectory(identity), key: try trust.verifierKey())
            return { try check.check($0) }
        }
        let policy = try witnesses.policy(trust.requiredKey())
        let events = try proof.map { file in
            switch ProofOutcome(try CheckProof.contents(file), policy) {
            case .proved(let event): return event
            case .refused(let failure):
                throw CommandFailure(.negative, "\(file): \(SafeText.string(failure.message))")
            case .noProof(let error): throw CommandFailure(.data, "\(file): \(SafeText.string(error.description))")
            }
        }
        return { receipts in
            receipts.flatMap { receipt in events.compactMap { ReceiptCheck.check(receipt, against: $0) } }
        }
    }

    /// Calls `body` with the receipts of a file, some at a time.
    static func read(_ file: String, _ body: ([Receipt]) throws -> Void) throws {
        let next = try FilePlace.reading(file)
        var reader = ReceiptLines(file: file, lineLimit: lineLimit)
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = try buffer.withUnsafeMutableBytes { try next($0) }
            try reader.push(buffer[..<count])
            if reader.leaves >= batch || count == 0 { try body(reader.take()) }
            if count == 0 { return }
        }
    }

    static func text(_ finding: ReceiptFinding) -> String {
        let (first, last) = (finding.sequences.lowerBound, finding.sequences.upperBound)
        let events = first == last ? "event \(first)" : "events \(first)–\(last)"
        return "\(finding.verdict.rawValue): \(events)" + (finding.message.map { ": \(SafeText.string($0))" } ?? "")
    }

    static func json(_ finding: ReceiptFinding) -> String {
        var line = JSONLine()
        line.add("verdict", finding.verdict.rawValue)
        line.add("first_seq", finding.sequences.lowerBound)
        line.add("last_seq", finding.sequences.upperBound)
        line.add("message", finding.message)
        return line.text
    }
}

/// Finds the receipts among the lines of a file.
private struct ReceiptLines {
    private let file: String
    private let lineLimit: Int
    private var number = 0
    private var rest: [UInt8] = []
    private var receipts: [Receipt] = []
    /// Of the receipts that wait.
    private(set) var leaves = 0

    init(file: String, lineLimit: Int) {
        self.file = file
        self.lineLimit = lineLimit
    }

    /// Takes the next bytes; none at the end of the file.
    mutating func push(_ bytes: ArraySlice<UInt8>) throws {
        rest.append(contentsOf: bytes)
        if bytes.isEmpty, !rest.isEmpty { rest.append(UInt8(ascii: "\n")) }
        var start = 0
        while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
            try take(rest[start..<end])
            start = end + 1
        }
        rest.removeFirst(start)
        guard rest.count <= lineLimit else {
            throw CommandFailure(.data, "\(file): line \(number + 1) is longer than an answer can be")
        }
    }

    private mutating func take(_ line: ArraySlice<UInt8>) throws {
        number += 1
        guard !line.isEmpty else { return }
        do {
            guard let receipt = try line.withUnsafeBytes({ try Receipt.read($0) }) else { return }
            receipts.append(receipt)
            leaves += receipt.leaves.count
        } catch let error as FormatError {
            throw CommandFailure(.data, "\(file): line \(number): \(SafeText.string(error.description))")
        }
    }

    /// The receipts that wait; then none does.
    mutating func take() -> [Receipt] {
        leaves = 0
        return exchange(&receipts, with: [])
    }
}
