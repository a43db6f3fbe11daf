import Testing

@testable import CairnCommand

@Suite("Sending")
struct SendingTests {
    @Test(
        "lines are counted as the daemon counts them",
        arguments: [
            ("", 0), ("a\n", 1), ("a", 1), ("a\nb", 2), ("\n\n\n", 0), (" \t\r\n", 0), ("a\r\n\r\nb\r\n", 2),
            ("  a\n", 1), ("a\n  ", 1),
        ] as [(String, UInt64)])
    func lines(text: String, expected: UInt64) {
        let bytes = Array(text.utf8)
        // However the stream is cut.
        for size in 1...max(1, bytes.count) {
            var count = LineCount()
            for start in stride(from: 0, to: bytes.count, by: size) {
                Array(bytes[start..<min(bytes.count, start + size)]).withUnsafeBytes { count.take($0) }
            }
            count.finish()
            #expect(count.lines == expected, "in pieces of \(size)")
        }
    }

    @Test(
        "answers of the daemon",
        arguments: [
            (#"{"_hello":{"version":1,"origin":"o","max_event_bytes":9}}"#, .hello(origin: "o")),
            (
                #"{"_ack":{"lines":128,"first_seq":1000,"last_seq":1127}}"#,
                .acknowledged(lines: 128, isDuplicate: false)
            ),
            (
                #"{"_ack":{"lines":1,"first_seq":7,"last_seq":7,"duplicate":true}}"#,
                .acknowledged(lines: 1, isDuplicate: true)
            ),
            (
                #"{"_error":{"line":17,"code":"invalid_json","message":"m","offset":33,"seq":1042}}"#,
                .refused(DaemonAnswer.Refusal(line: 17, code: "invalid_json", message: "m"))
            ),
            (#"{"_error":{"code":"unavailable","message":"disk full"}}"#, .unavailable(message: "disk full")),
            (#"{"_synced":"t"}"#, .synced), (#"{"_other":1}"#, nil), ("nonsense", nil), ("", nil),
        ] as [(String, DaemonAnswer?)])
    func answers(line: String, expected: DaemonAnswer?) {
        #expect(Array(line.utf8).withUnsafeBytes { DaemonAnswer($0) } == expected)
    }

    @Test("the summary says what counts")
    func summary() {
        var progress = Delivery.Progress()
        progress.sentLines = 1500
        progress.sentBytes = 32_000
        progress.acknowledged = 1499
        progress.duplicates = 2
        progress.refused = 1
        #expect(
            Send.describe(progress, 1_000_000_000, hasAnswers: true)
                == "sent 1,500 events, 32.0 kB, 1,500 events/s; acknowledged 1,499 (2 stored before), refused 1")
        #expect(progress.answered == 1500)
    }

    private static func progress(_ change: (inout Delivery.Progress) -> Void) -> Delivery.Progress {
        var progress = Delivery.Progress()
        progress.sentLines = 10
        progress.acknowledged = 10
        progress.inputEnded = true
        progress.hasEnded = true
        change(&progress)
        return progress
    }

    @Test("the exit status says what became of the lines")
    func status() {
        func status(hasAnswers: Bool = true, _ change: (inout Delivery.Progress) -> Void) -> CairnCommand.ExitStatus? {
            Send.failure(of: Self.progress(change), hasAnswers: hasAnswers)?.status
        }
        #expect(status { _ in } == nil)
        #expect(status { $0.duplicates = 10 } == nil)
        #expect(status { ($0.acknowledged, $0.refused) = (9, 1) } == .data)
        #expect(status { $0.acknowledged = 9 } == .temporaryFailure)
        #expect(status { ($0.acknowledged, $0.refused) = (8, 1) } == .temporaryFailure)
        #expect(status { $0.inputEnded = false } == .temporaryFailure)
        #expect(status { $0.unavailable = "disk full" } == .temporaryFailure)
        #expect(status { $0.isConfused = true } == .temporaryFailure)
        #expect(status(hasAnswers: false) { $0.acknowledged = 0 } == nil)
        #expect(status(hasAnswers: false) { $0.inputEnded = false } == .temporaryFailure)
        let told = Send.failure(of: Self.progress { $0.acknowledged = 7 }, hasAnswers: true)?.message
        #expect(told?.contains("of 10 lines that were sent 7 were answered") == true)
    }
}
