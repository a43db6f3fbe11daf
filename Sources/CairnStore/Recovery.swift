internal import CairnFormat
internal import CairnPlatform
package import CairnReader

/// What the newest segment of a log looks like to a writer that starts.
package struct RecoveryFindings: Sendable, Equatable {
    package enum Newest: Sendable, Equatable {
        /// No data file stands behind the last seal (or there is no seal and no data).
        case absent
        /// Its header is good and follows the last seal.
        case open(Tail)
        /// Its header is not good; `holdsEvents` tells whether anything behind it or the head speaks of events.
        case headless(holdsEvents: Bool)
        /// Its header is good, but it belongs behind another seal.
        case stray
    }

    /// Which file holds the private key of the newest segment, by its public key in the last seal or the origin.
    package enum Key: Sendable, Equatable {
        case epoch
        /// The rotation stopped before the key took its place.
        case next
        case missing
    }

    package var newest: Newest
    package var key: Key
    /// Whether the head names events behind the last seal while no data file holds them.
    package var headPromisesEvents: Bool
    /// Whether the head names all events of the newest segment. They are on the disk then: it is signed after they are.
    package var headNamesAll: Bool

    package init(newest: Newest, key: Key, headPromisesEvents: Bool, headNamesAll: Bool) {
        self.newest = newest
        self.key = key
        self.headPromisesEvents = headPromisesEvents
        self.headNamesAll = headNamesAll
    }
}

/// What a writer that starts does about it.
package enum RecoveryDecision: Sendable, Equatable {
    /// Opens the segment behind the last seal, as a rotation would have; a header that was cut off is replaced.
    case openNext
    /// Goes on with the newest segment.
    case continueActive(Continuation)
    /// Seals what is good with reason `corruption` and goes on behind what is lost.
    case sealDamaged
    /// Does not start.
    case refuse(Refusal)

    package enum Continuation: Sendable, Equatable {
        /// In the file that is there.
        case inPlace
        /// In a new one with a copy of the good part: what the page cache has need not be on the disk.
        case copy
        /// In a new one; the old one is kept aside.
        case copyKeepingOld
    }

    package enum Refusal: Sendable, Equatable {
        case keyLost
        case strayData
    }
}

/// The decision table of recovery. Every combination of findings has exactly one row.
package enum Recovery {
    package static func decide(_ findings: RecoveryFindings) -> RecoveryDecision {
        switch (findings.key, findings.newest, findings.headPromisesEvents) {
        // Nothing can be signed: the chain would end here, and a new one must be begun on purpose.
        case (.missing, _, _): .refuse(.keyLost)
        // The file is from another log or another time; somebody put it there.
        case (_, .stray, _): .refuse(.strayData)

        // The rotation stopped between the seal and the new file, or its name was not durable.
        case (_, .absent, false): .openNext
        // Events that were acknowledged are gone, with their file.
        case (_, .absent, true): .sealDamaged

        // The header was being written: no event can stand behind it.
        case (_, .headless(holdsEvents: false), false): .openNext
        case (_, .headless, _): .sealDamaged

        // The usual start.
        case (_, .open(.clean), _): .continueActive(findings.headNamesAll ? .inPlace : .copy)
        // Only the beginning of a seal that was not signed.
        case (_, .open(.footer), _): .continueActive(.copy)
        case (_, .open(.torn), _): .continueActive(.copyKeepingOld)
        case (_, .open(.damaged), _): .sealDamaged
        }
    }
}

extension FileSystem {
    /// Removes what recovery has kept of a segment as it was before: files beside its data.
    func removeRecoveryCopies(of first: UInt64) throws(IOFailure) {
        let name = FileNames.segment(first, .data).dropFirst(FileNames.segments.utf8.count + 1)
        for other in try list(FileNames.segments)
        where other.hasPrefix("\(name).torn-") || other.hasPrefix("\(name).displaced-") {
            try remove("\(FileNames.segments)/\(other)")
        }
        try syncDirectory(FileNames.segments)
    }
}
