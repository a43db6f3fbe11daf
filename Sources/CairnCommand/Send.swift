import ArgumentParser
import CairnFormat
import CairnPlatform
import CairnReader

/// `cairn send`
struct Send: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Send lines from standard input, or from a file, to the daemon.",
        discussion: """
            One JSON object a line. Each line is acknowledged once it is on disk; one that is refused is told on \
            standard error, with its number, and kept in the log as event.rejected. If sending ends early, give every \
            event an "id": sent again, those that were stored are not stored twice.

            EXAMPLES
              echo '{"action":"login","module":"authentication"}' | cairn send
              cairn send --socket ./auditd.sock --receipts receipts.ndjson events.ndjson
              zcat 2026-11.ndjson.gz | cairn send

            EXIT STATUS
              0 all accepted; 65 some refused; 66 no such file; 69 no daemon; 75 it ended or could not store before all was \
            acknowledged.
            """)

    @Argument(
        help: ArgumentHelp("Send the lines of this file; - is standard input.", valueName: "file"),
        completion: .file())
    var file = "-"

    @Option(name: .long, help: ArgumentHelp("The daemon's event socket.", valueName: "path"))
    var socket = StandardPlaces.eventSocket

    @Flag(name: .long, help: "Do not ask for acknowledgements: nothing tells then what was stored.")
    var noAck = false

    @Option(
        name: .long,
        help: ArgumentHelp("Add the acknowledgements, with the hashes of the events, to this file.", valueName: "file"))
    var receipts: String?

    func validate() throws {
        if noAck, receipts != nil { throw ValidationError("receipts are acknowledgements: leave out --no-ack.") }
    }

    func run() throws {
        let next = try FilePlace.reading(file)
        let receiptFile = try receipts.map(ReceiptFile.init(path:))
        let line = ProgressLine()
        let watch = Stopwatch()
        var listener = Delivery.Listener()
        listener.refused = { refusal in
            line.clear()
            Console.say("line \(refusal.line): \(refusal.code): \(SafeText.string(refusal.message))")
        }
        if let receiptFile { listener.acknowledged = { receiptFile.append($0) } }
        listener.progressed = { [noAck] progress in
            line.update { Send.describe(progress, watch.elapsed, hasAnswers: !noAck) }
        }
        let result = try Send.connect(to: socket) { (path) throws(IOFailure) in
            try Delivery(
                path: path, wantsAnswers: !noAck, wantsReceipts: receiptFile != nil, listener: listener)
        }.run { try input($0, next) }
        line.clear()
        try receiptFile?.finish()
        Console.say(Send.describe(result, watch.elapsed, hasAnswers: !noAck))
        if let failure = Send.failure(of: result, hasAnswers: !noAck) { throw failure }
    }

    /// Connects, and says it in a way that helps if nothing listens.
    static func connect(
        to path: String, _ make: (String) throws(IOFailure) -> Delivery
    ) throws -> Delivery {
        do throws(IOFailure) {
            return try make(path)
        } catch {
            if error.isForbidden { throw CommandFailure(.noPermission, error.description) }
            throw CommandFailure(.unavailable, "no daemon takes events: \(error)")
        }
    }

    private func input(
        _ buffer: UnsafeMutableRawBufferPointer, _ next: (UnsafeMutableRawBufferPointer) throws -> Int
    ) throws -> Delivery.Input {
        // Not for ever: the connection may end meanwhile.
        if file == "-", try !StandardStream.input.wait(timeoutMilliseconds: 250) { return .later }
        let count = try next(buffer)
        return count > 0 ? .bytes(count) : .end
    }

    static func describe(_ progress: Delivery.Progress, _ elapsed: Int64, hasAnswers: Bool) -> String {
        let rate = Figures.count(Figures.rate(progress.sentLines, nanoseconds: elapsed))
        var text =
            "sent \(Figures.count(progress.sentLines, "event")), \(Figures.bytes(progress.sentBytes)), \(rate) events/s"
        guard hasAnswers else { return text + "; not acknowledged" }
        text += "; acknowledged \(Figures.count(progress.acknowledged))"
        if progress.duplicates > 0 { text += " (\(Figures.count(progress.duplicates)) stored before)" }
        if progress.refused > 0 { text += ", refused \(Figures.count(progress.refused))" }
        return text
    }

    /// Why it is no success; nil if all was accepted.
    static func failure(of result: Delivery.Progress, hasAnswers: Bool) -> CommandFailure? {
        guard hasAnswers else {
            if result.inputEnded { return nil }
            return CommandFailure(.temporaryFailure, "the daemon ended the connection before all was sent")
        }
        let numbers =
            "of \(Figures.count(result.sentLines, "line")) that were sent \(Figures.count(result.answered)) were answered"
        if let message = result.unavailable {
            return CommandFailure(
                .temporaryFailure,
                "the daemon cannot store events now: \(SafeText.string(message)); \(numbers); send the others later")
        }
        if !result.inputEnded || result.answered < result.sentLines || result.isConfused {
            return CommandFailure(
                .temporaryFailure, "the connection ended early: \(numbers); send the others again")
        }
        guard result.refused > 0 else { return nil }
        return CommandFailure(
            .data, "\(Figures.count(result.refused, "line")) refused; what they held is kept as event.rejected")
    }
}
