/// Writes events of the daemon itself and waits for them: what is taken away from a log is accounted for first.
package protocol EventRecorder: Sendable {
    /// Stores `lines` and signs the head over them. After the return both are durable.
    ///
    /// - Returns: the number of each event; of one whose `id` was stored before, the one that it has.
    /// - Throws: if that cannot be done now. Some of the lines may be stored nevertheless, now or later.
    func record(_ lines: [[UInt8]]) throws(StoreError) -> [UInt64]

    /// Seals the active segment, if it has events. After the return that is durable.
    func seal() throws(StoreError)
}
