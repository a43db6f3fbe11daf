internal import CairnPlatform

/// Records through the writer's thread, and waits for it on another.
package struct WriterRecorder: EventRecorder {
    private let writer: StoreWriter

    package init(_ writer: StoreWriter) { self.writer = writer }

    package func record(_ lines: [[UInt8]]) throws(StoreError) -> [UInt64] {
        let answer = Guarded<[UInt64]??>(nil)
        try writer.record(lines) { sequences in answer.update { $0 = .some(sequences) } }
        guard let sequences = answer.wait(while: { $0 == nil }, then: { $0 ?? nil }) else {
            throw Self.unavailable
        }
        return sequences
    }

    package func seal() throws(StoreError) {
        let answer = Guarded<Bool?>(nil)
        writer.rotate { sealed in answer.update { $0 = sealed } }
        let isSealed = answer.wait(while: { $0 == nil }, then: { $0 ?? false })
        // False also where there was nothing to seal.
        if !isSealed, case .halted = writer.status.phase { throw Self.unavailable }
    }

    private static let unavailable = StoreError(
        .unavailable,
        "the log cannot be written now, so what was asked for could not be accounted for and was not done: see "
            + "\"cairn status\", free space if the disk is full, and ask again")
}
