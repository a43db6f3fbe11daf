package import CairnFormat

/// What can be set about the writer. Times are in nanoseconds.
package struct StoreConfiguration: Sendable, Equatable {
    /// A segment is sealed once its file has so many bytes.
    package var segmentBytes: UInt64 = 64 << 20
    /// A segment with events is sealed once it is so old.
    package var segmentAge: Int64 = 3600 * Time.perSecond
    package var sealsOnShutdown = false
    package var compression = Compression.isal
    /// New events are in the head after this time at most.
    package var headInterval: Int64 = Time.perSecond
    /// The head is signed anew after this time even if nothing happened.
    package var headKeepalive: Int64 = 60 * Time.perSecond
    /// Nanoseconds between two resume files, while events come: what came since the last is read again after a crash. To
    /// make one of a full segment takes the writer 20 ms, so it is not done often.
    package var resumeInterval: Int64 = 10 * Time.perSecond
    /// Idempotency keys that are remembered; 0 turns them off.
    package var identities = 1_000_000
    package var identityAge: Int64 = 24 * 3600 * Time.perSecond
    /// Bytes of lines that one group commit takes from the queue.
    package var commitBytes = 8 << 20
    /// Time between two attempts to write when the disk is full.
    package var retryInterval: Int64 = Time.perSecond
    /// Free bytes below which the operator is warned; 0: never.
    package var warnFree: UInt64 = 0
    /// Free bytes below which no events are taken; 0: the disk may fill up.
    package var stopFree: UInt64 = 0
    /// Time between two looks at the disk while events come.
    package var upkeepInterval: Int64 = Time.perSecond

    package init() {}
}

/// The two clocks at one moment. Deadlines are monotonic; stamps are of the wall clock.
package struct Moment: Sendable, Equatable {
    package var wall: Time
    /// Nanoseconds since boot; never falls.
    package var monotonic: Int64

    package init(wall: Time, monotonic: Int64) {
        self.wall = wall
        self.monotonic = monotonic
    }
}
