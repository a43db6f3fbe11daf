internal import CairnFormat
package import CairnPlatform
package import CairnReader

/// Adds and releases legal holds. The file is written before the event, so that a hold is in force from the moment that
/// anybody can know of it, and until nobody can doubt that it is released; what a crash leaves half done is finished at
/// the next start.
package struct HoldRegister: Sendable {
    private let files: any FileSystem
    private let recorder: any EventRecorder
    package private(set) var holds: Holds

    package init(_ files: any FileSystem, _ recorder: any EventRecorder) throws(StoreError) {
        self.files = files
        self.recorder = recorder
        holds = try scanning { () throws(ReadError) in try Holds(LogDirectory(files)) }
    }

    /// Finishes what a crash or a full disk has cut off.
    package mutating func finish() throws(StoreError) {
        for hold in holds.holds {
            switch hold.state {
            case .adding: try announce(hold)
            case .releasing: try finishRelease(hold)
            case .held: break
            }
        }
    }

    package mutating func add(_ hold: Hold) throws(StoreError) {
        guard Hold.isName(hold.name) else {
            throw StoreError(
                .refused, "\"\(hold.name)\" cannot be the name of a hold: use up to 64 of A-Z a-z 0-9 . _ -")
        }
        guard !holds.holds.contains(where: { $0.name == hold.name }) else {
            throw StoreError(.refused, "there is a hold \(hold.name) already: take another name")
        }
        var next = holds
        next.holds.append(hold)
        try save(next)
        try announce(hold)
    }

    package mutating func release(_ name: String, _ release: Hold.Release) throws(StoreError) {
        guard let index = holds.holds.firstIndex(where: { $0.name == name }) else {
            throw StoreError(.refused, "there is no hold \(name): \"cairn hold list\" names those that stand")
        }
        // The event that says it was added comes first, also if that had to wait until now.
        if holds.holds[index].state == .adding { try announce(holds.holds[index]) }
        var next = holds
        if next.holds[index].state == .held {
            next.holds[index].state = .releasing
            next.holds[index].release = release
            try save(next)
        }
        try finishRelease(next.holds[index])
    }

    private mutating func announce(_ hold: Hold) throws(StoreError) {
        var details = details(of: hold, by: hold.by, hold.reason)
        details["filter"] = .text(hold.filter.description)
        if let since = hold.since { details["since"] = .text(since.description) }
        if let until = hold.until { details["until"] = .text(until.description) }
        try record("hold.added", hold, details)
        var next = holds
        for index in next.holds.indices where next.holds[index].name == hold.name { next.holds[index].state = .held }
        try save(next)
    }

    private mutating func finishRelease(_ hold: Hold) throws(StoreError) {
        guard let release = hold.release else { return }
        try record("hold.released", hold, details(of: hold, by: release.by, release.reason))
        var next = holds
        next.holds.removeAll { $0.name == hold.name }
        try save(next)
    }

    private func details(of hold: Hold, by: UInt32, _ reason: String) -> [String: OwnEvent.Value] {
        ["hold": .text(hold.name), "by": .number(UInt64(by)), "reason": .text(reason)]
    }

    /// The `id` lets a second attempt find the event of the first.
    private func record(
        _ action: String, _ hold: Hold, _ details: [String: OwnEvent.Value]
    ) throws(StoreError) {
        let id = "\(action)-\(hold.name)-\(hold.at.nanoseconds)"
        _ = try recorder.record([
            OwnEvent.line(action: action, status: "success", severity: "medium", id: id, details: details)
        ])
    }

    private mutating func save(_ next: Holds) throws(StoreError) {
        let bytes = next.encoded
        guard bytes.count <= Holds.sizeLimit else {
            throw StoreError(.refused, "the holds take more than \(Holds.sizeLimit) bytes: release some first")
        }
        let files = files
        try storing { () throws(IOFailure) in try files.replace(Holds.path, with: bytes, mode: 0o640) }
        holds = next
    }
}
