internal import CairnFormat

/// What is to be done to the disk and to clients, in this order. Each one can be done again after it failed half-way:
/// it says how things are to be, not what to add to them.
package enum Action: Sendable, Equatable {
    /// The active segment's file holds exactly `bytes` from `offset` on.
    case append(offset: UInt64, bytes: [UInt8])
    /// What the active segment's file holds is durable.
    case sync
    /// A new active segment's file, durable with its name.
    case createSegment(path: String, bytes: [UInt8])
    /// A small file is replaced as a whole, durably.
    case replace(path: String, bytes: [UInt8], isSecret: Bool)
    /// A secret file is replaced, if that is possible, and not durably: without it a start only takes longer.
    case hint(path: String, bytes: [UInt8])
    /// A file that only helps, and what is left of one that was being written, is removed, if that is possible.
    case forget(path: String)
    /// `keys/epoch.next` takes the place of `keys/epoch`, durably: the old key is gone.
    case evolveKey
    /// The file of the active segment is found under `path` again, durably, as it is open; another file that has the name
    /// is kept beside it.
    case restore(path: String)
    /// Everything before is durable: clients may know.
    case acknowledge([Answer])
    /// Nothing more may be written.
    case halt(StoreError)
}

/// What happens to the writer.
package enum Input: Sendable {
    /// Lines that wait, in the order in which they came.
    case submit([Submission])
    /// Events of the daemon itself, that what comes next relies on: they are in the head at once, and may use the space
    /// that is kept in reserve.
    case record(Submission)
    /// Time went on.
    case tick
    /// Seal the active segment now, if it has events.
    case rotate
    /// No more lines will come.
    case shutdown
    /// The disk has so many bytes left.
    case space(available: UInt64)
    /// Something that the writer relies on is not where it was.
    case displaced(Displacement)
    /// Every action of the last step was done.
    case performed
    /// The action with that index of the last step was not done, nor were those behind it.
    case failed(index: Int, isOutOfSpace: Bool, message: String)
}

/// What somebody has taken from under a writer.
package enum Displacement: Sendable, Equatable {
    /// The directory of the log is not at its path any more.
    case directory
    /// The file of the active segment has lost its name, or another file has it.
    case segment(isReplaced: Bool)
    /// The private key of the active segment is not in its file.
    case key
}

/// How much room the disk has left, by the limits of the configuration.
package enum SpaceStage: String, Sendable, Equatable {
    case ample
    /// Somebody should make room.
    case low
    /// What is left is kept for seals, for the rest of the host, and for the way back: no events are taken.
    case exhausted
}
