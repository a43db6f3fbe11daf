import ArgumentParser
import CairnFormat
import CairnPlatform
import CairnReader

/// `cairn prove`
struct Prove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prove",
        abstract: "Write files that prove events to somebody who has no log.",
        discussion: """
            A proof holds the event, its way to the log's checkpoint, and nothing of other events but hashes. \
            "cairn check-proof" checks it without log and network, as does any program written after Format.md. An \
            event can be proved once its segment is sealed.

            EXAMPLES
              cairn prove 42                          # makes 42.tlog-proof
              cairn prove 1000-1127 -o proofs/
              cairn prove 42 -o - | cairn check-proof - --key-file genesis.vkey

            EXIT STATUS
              0 all proved; 1 some cannot be: not sealed yet, erased, pruned, not there; 64 wrong usage; 65 damaged log; \
            66 no log; 74 input/output error.
            """)

    /// Events of one command at most: each becomes a file.
    private static let limit = 100_000

    @Argument(help: ArgumentHelp("Numbers of events, and ranges of them such as 10-20.", valueName: "seq"))
    var sequences: [SequenceRange]

    @OptionGroup var log: LogOptions
    @OptionGroup var identity: IdentityOptions

    @Option(
        name: [.customShort("o", allowingJoined: true), .long],
        help: ArgumentHelp(
            "Where to: a file, - for standard output, or a directory (default: SEQ.tlog-proof here).",
            valueName: "file"))
    var output: String?

    @Option(
        name: .long,
        help: ArgumentHelp("A checkpoint with cosignatures, in the place of the log's own.", valueName: "file"))
    var checkpoint: String?

    @Flag(name: .long, help: "Print one JSON object a proof.")
    var json = false

    func validate() throws {
        if output?.isEmpty == true { throw ValidationError("-o names no file.") }
        if output == "-", json { throw ValidationError("-o - prints the proof itself, so leave out --json.") }
        // Not by their count: a range of all numbers has more than an Int holds.
        let isShort = sequences.allSatisfy { $0.numbers.upperBound - $0.numbers.lowerBound < Prove.limit }
        guard isShort, sequences.reduce(0, { $0 + $1.numbers.count }) <= Prove.limit else {
            throw ValidationError("More than \(Prove.limit) events: prove them in parts.")
        }
    }

    func run() throws {
        let directory = try log.openDirectory(identity)
        let numbers = Set(sequences.flatMap { Array($0.numbers) })
        let place = try Place(output, isForOne: numbers.count == 1)
        let given = try checkpoint.map { try FilePlace.named($0, limit: Limits.note) }
        var failed = 0
        try Prover(directory, checkpoint: given).prove(numbers) { sequence, result in
            switch result {
            case .success(let proof): try report(sequence, proof, at: place.write(proof))
            case .failure(let obstacle):
                failed += 1
                Console.complain(obstacle.message)
            }
        }
        if failed > 0 { throw CommandFailure(.negative) }
    }

    private func report(_ sequence: UInt64, _ proof: EventProof, at path: String?) throws {
        guard let path else { return }
        if json {
            var line = JSONLine()
            line.add("seq", sequence)
            line.add("segment", proof.index)
            line.add("file", path)
            try Output.print(line.text)
        } else {
            try Output.print("event \(sequence): \(SafeText.string(path))")
        }
    }

    /// Where proofs go to.
    private struct Place {
        private enum Target {
            case standardOutput
            case file(String)
            case directory(String)
        }

        private let target: Target

        init(_ output: String?, isForOne: Bool) throws {
            guard let output else {
                target = .directory("")
                return
            }
            if output.hasSuffix("/") || Place.isDirectory(output) {
                target = .directory(output.hasSuffix("/") ? output : output + "/")
            } else if isForOne {
                target = output == "-" ? .standardOutput : .file(output)
            } else {
                throw CommandFailure(.usage, "\(output) is one file, and there are several events: name a directory")
            }
        }

        private static func isDirectory(_ path: String) -> Bool { (try? PosixFileSystem(root: path)) != nil }

        /// Returns the path of the file; nil for standard output.
        func write(_ proof: EventProof) throws -> String? {
            let path: String
            switch target {
            case .standardOutput:
                let output = Output()
                output.bytes = proof.bytes
                try output.flush()
                return nil
            case .file(let name): path = name
            case .directory(let name): path = "\(name)\(proof.sequence).tlog-proof"
            }
            let (files, name) = try FilePlace.open(path)
            try files.replace(name, with: proof.bytes, mode: 0o644)
            return path
        }
    }
}

/// `42`, or `40-49`.
struct SequenceRange: ExpressibleByArgument, Equatable {
    let numbers: ClosedRange<UInt64>

    init?(argument: String) {
        let parts = argument.split(separator: "-", omittingEmptySubsequences: false).map { SequenceRange.number($0) }
        guard (1...2).contains(parts.count), let first = parts[0], let last = parts[parts.count - 1], first <= last
        else { return nil }
        numbers = first...last
    }

    private static func number(_ text: Substring) -> UInt64? {
        text.utf8.allSatisfy { $0 &- UInt8(ascii: "0") < 10 }
            ? UInt64(text).flatMap { $0 < Limits.sequence ? $0 : nil } : nil
    }
}
