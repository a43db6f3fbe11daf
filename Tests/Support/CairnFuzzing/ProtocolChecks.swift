import CairnDaemon
import CairnFormat
import CairnStore

/// A line of a client that may be a hello or a sync: Protocol.md, "Lines".
final class ProtocolCheck: FuzzCheck {
    private let arena = GuardedBytes()
    private let answers = GuardedBytes()
    private let parser: JSONParser
    private let events: EventParser

    init() throws(FormatError) {
        parser = try JSONParser()
        events = try EventParser()
    }

    func check(_ input: UnsafeRawBufferPointer) throws(PropertyFailure) -> Bool {
        try arena.place(input.prefix { $0 != 0x0A }, padding: JSONParser.padding) { line throws(PropertyFailure) in
            guard ProtocolLine.mayBe(line), let found = ProtocolLine(line, parser: parser) else { return false }
            switch found {
            case .hello:
                try require(line.starts(with: "{\"_hello\"".utf8), "a hello that does not begin with its very bytes")
            case .sync(let token):
                try require(line.starts(with: "{\"_sync\"".utf8), "a sync that does not begin with its very bytes")
                try checkAnswer(token)
            }
            // Where it does not count as one it is refused, and never an event.
            var batch = EventBatch()
            _ = events.parse(.whole(line), uid: Fixture.uid, into: &batch)
            try agree(batch.rejections.map(\.code), [.reservedName], "why it is no event")
            return true
        }
    }

    /// The client gets the same string back.
    private func checkAnswer(_ token: [UInt8]) throws(PropertyFailure) {
        var answer: [UInt8] = []
        var encoder = AnswerEncoder()
        encoder.append([.synced(token: token)], to: &answer)
        try require(answer.popLast() == 0x0A && !answer.contains(0x0A), "an answer that is not one line")
        let isSame = answers.place(answer, padding: JSONParser.padding) { answer in
            guard let tape = try? parser.parse(answer) else { return false }
            return tape.kind(3) == .string && tape.string(3).elementsEqual(token)
        }
        try require(isSame, "the token comes back as another")
    }
}

/// A request on the control socket.
final class ControlCheck: FuzzCheck {
    private let arena = GuardedBytes()
    private let answers = GuardedBytes()
    private let parser: JSONParser

    init() throws(FormatError) { parser = try JSONParser() }

    func check(_ input: UnsafeRawBufferPointer) throws(PropertyFailure) -> Bool {
        try arena.place(input.prefix { $0 != 0x0A }, padding: JSONParser.padding) { line throws(PropertyFailure) in
            let request = ControlRequest(line, parser: parser)
            guard let tape = try? parser.parse(line), tape.kind(1) == .object else {
                try require(request == nil, "a request that is no object")
                return false
            }
            guard let request else { return false }
            // What there is no command for comes back in an answer, which must be a line of JSON.
            var answer: [UInt8] = []
            answer.append(jsonString: request.command.utf8)
            try require(!answer.contains(0x0A), "an answer of two lines")
            let isSame = answers.place(answer, padding: JSONParser.padding) { answer in
                guard let tape = try? parser.parse(answer) else { return false }
                return tape.kind(1) == .string && tape.string(1).elementsEqual(request.command.utf8)
            }
            try require(isSame, "the command comes back as another")
            return true
        }
    }
}
