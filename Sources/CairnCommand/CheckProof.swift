import ArgumentParser
import CairnFormat
import CairnPlatform
import CairnReader

/// `cairn check-proof`
struct CheckProof: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-proof",
        abstract: "Check proofs of events; no log and no network is needed.",
        discussion: """
            VERIFIED says that the log had sealed this event, with this content and this number, when the checkpoint in \
            the proof was signed. Trust begins with one key: the genesis key that was printed when the log was made, or \
            its log key. The log key is on the log's host, so without a cosignature a proof is as good as that host was \
            when it made it.

            EXAMPLES
              cairn check-proof 42.tlog-proof --key 'example.org/audit+1b2c3d4e+AX…'
              cairn check-proof *.tlog-proof --key-file genesis.vkey --json
              cairn check-proof 42.tlog-proof --key-file genesis.vkey --witness 'witness.example+5f6a7b8c+BK…'

            EXIT STATUS
              0 all VERIFIED; 1 one is not; 64 wrong usage; 65 a file is no proof (and none of the others fails); 66 no \
            such file.
            """)

    @Argument(help: ArgumentHelp("Proofs; - is standard input.", valueName: "file"))
    var files: [String]

    @OptionGroup var trust: KeyOptions
    @OptionGroup var witnesses: WitnessOptions

    @Flag(name: .long, help: "Print one JSON object a proof.")
    var json = false

    @Flag(name: .shortAndLong, help: "Print nothing: the exit status tells.")
    var quiet = false

    @Option(name: .long, help: ArgumentHelp("Colours: auto, always or never.", valueName: "when"))
    var color = ColorChoice.auto

    func validate() throws {
        if trust.key == nil, trust.keyFile == nil {
            throw ValidationError("Give the key that is trusted, with --key or --key-file.")
        }
        if json, quiet { throw ValidationError("--quiet prints nothing, so leave out --json.") }
        if files.isEmpty { throw ValidationError("Name a proof.") }
    }

    func run() throws {
        let policy = try witnesses.policy(trust.requiredKey())
        var isRefused = false
        var isNoProof = false
        for file in files {
            let outcome = ProofOutcome(try CheckProof.contents(file), policy)
            switch outcome {
            case .proved: break
            case .refused: isRefused = true
            case .noProof: isNoProof = true
            }
            guard !quiet else { continue }
            let report = ProofReport(file: file, outcome, style: Style(isOn: color.isOn(for: .output)))
            try Output.print(json ? report.json : report.text)
        }
        if isRefused { throw CommandFailure(.negative) }
        if isNoProof { throw CommandFailure(.data) }
    }

    /// The bytes of a file, or of standard input: one more than a proof may have show that it is none.
    static func contents(_ file: String) throws -> [UInt8] {
        let next = try FilePlace.reading(file)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= Limits.proof {
            let count = try buffer.withUnsafeMutableBytes { try next($0) }
            guard count > 0 else { break }
            bytes.append(contentsOf: buffer[..<count])
        }
        return bytes
    }
}

/// Whose cosignatures are wanted.
struct WitnessOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "A witness that must have cosigned the checkpoint; can be given several times.", valueName: "vkey"))
    var witness: [String] = []

    @Option(name: .long, help: ArgumentHelp("So many of the witnesses suffice (default: all).", valueName: "N"))
    var quorum: Int?

    func validate() throws {
        if let quorum, !(0...witness.count).contains(quorum) {
            throw ValidationError("--quorum wants a number from 0 to that of the witnesses, \(witness.count).")
        }
    }

    func policy(_ key: VerifierKey) throws -> ProofPolicy {
        do {
            return ProofPolicy(key: key, witnesses: try witness.map { try WitnessKey($0) }, quorum: quorum)
        } catch let error as FormatError {
            throw CommandFailure(.usage, "--witness: \(SafeText.string(error.description))")
        }
    }
}

/// What became of one file.
enum ProofOutcome {
    case proved(ProvedEvent)
    case refused(ProofFailure)
    /// It is no proof of an event.
    case noProof(FormatError)

    init(_ file: [UInt8], _ policy: ProofPolicy) {
        let proof: EventProof
        do throws(FormatError) {
            proof = try EventProof(file)
        } catch {
            self = .noProof(error)
            return
        }
        do throws(ProofFailure) {
            self = .proved(try proof.verify(policy))
        } catch {
            self = .refused(error)
        }
    }

    /// In the words of `cairn verify`; nil for a file that is no proof.
    var verdict: Verdict? {
        switch self {
        case .proved: .verified
        case .noProof: nil
        case .refused(let failure):
            switch failure.kind {
            case .key, .witness, .unsupported: .unverifiable
            case .origin, .checkpoint, .seal, .event: .tampered
            }
        }
    }
}
