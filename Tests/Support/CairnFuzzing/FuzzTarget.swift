import CairnFormat

/// Every decoder of bytes that come from outside: from a client, or from a file that anybody may have changed.
package enum FuzzTarget: String, CaseIterable, Sendable {
    case line, stream, stored
    case member, deflate, segment, index
    case note, statement, key, proof, evidence, answer
    case age, identity
    case `protocol`, control
    case filter, time, address

    /// Makes what checks inputs; it keeps its parsers' buffers, so one serves all inputs of a thread.
    package func makeCheck() throws(PropertyFailure) -> any FuzzCheck {
        try mustSucceed("\(self) cannot be set up") { () throws(FormatError) in try make() }
    }

    private func make() throws(FormatError) -> any FuzzCheck {
        switch self {
        case .line: try LineCheck()
        case .stream: StreamCheck()
        case .stored: try StoredLineCheck()
        case .member: try MemberCheck()
        case .deflate: try DeflateCheck()
        case .segment: try SegmentCheck()
        case .index: IndexCheck()
        case .note: try NoteCheck()
        case .statement: StatementCheck()
        case .key: KeyCheck()
        case .proof: ProofCheck()
        case .evidence: try EvidenceCheck()
        case .answer: AnswerCheck()
        case .age: try AgeCheck()
        case .identity: IdentityCheck()
        case .protocol: try ProtocolCheck()
        case .control: try ControlCheck()
        case .filter: try FilterCheck()
        case .time: TimeCheck()
        case .address: AddressCheck()
        }
    }

    /// Bytes of an input at most: enough for every branch, and short enough for many runs.
    package var sizeLimit: Int {
        switch self {
        case .segment, .index, .deflate, .evidence: 8192
        case .address, .time, .key: 256
        default: 4096
        }
    }
}

/// Gives bytes to a decoder and checks what must hold whatever they are.
package protocol FuzzCheck: AnyObject {
    /// - Returns: whether the decoder took the bytes. What it refuses says little, so a corpus must have both.
    /// - Throws: when a property does not hold; that is a bug.
    func check(_ input: UnsafeRawBufferPointer) throws(PropertyFailure) -> Bool
}

/// A property that does not hold.
package struct PropertyFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

func require(_ condition: Bool, _ message: @autoclosure () -> String) throws(PropertyFailure) {
    guard condition else { throw PropertyFailure(message()) }
}

/// That two implementations, or a value and what came back, are the same.
func agree<Value: Equatable>(_ a: Value, _ b: Value, _ message: String) throws(PropertyFailure) {
    guard a == b else { throw PropertyFailure("\(message): \(a) and \(b)") }
}

/// That bytes which were decoded are encoded as they were: each value has one form only.
func agree(encoded: [UInt8], _ bytes: some Collection<UInt8>, _ message: String) throws(PropertyFailure) {
    guard encoded.elementsEqual(bytes) else {
        throw PropertyFailure("\(message) is encoded otherwise: \(Hex.encode(encoded)), not \(Hex.encode(bytes))")
    }
}

/// What must not fail: the writer's own code on what was accepted before.
func mustSucceed<R>(_ message: String, _ body: () throws(FormatError) -> R) throws(PropertyFailure) -> R {
    do throws(FormatError) {
        return try body()
    } catch {
        throw PropertyFailure("\(message): \(error)")
    }
}

/// The result, or nil where the decoder refuses. A place that an error names must be one of the input.
func accepted<R>(within size: Int, _ body: () throws(FormatError) -> R) throws(PropertyFailure) -> R? {
    do throws(FormatError) {
        return try body()
    } catch {
        try require(!error.message.isEmpty, "an error without a message")
        try require(error.offset ?? 0 <= UInt64(size), "the error names byte \(error.offset ?? 0) of \(size)")
        return nil
    }
}
