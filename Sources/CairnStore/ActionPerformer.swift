internal import CairnFormat
package import CairnPlatform

/// Who does what the core asks of the disk. Tests put their own between, to see that the order of actions matters.
package protocol ActionPerforming {
    /// Does one action that concerns the disk; the others are the caller's. After a throw the same action may be asked
    /// for again.
    mutating func perform(_ action: Action) throws(IOFailure)
    mutating func close() throws(IOFailure)
}

/// Performs the core's actions against a file system. It decides nothing.
package struct ActionPerformer: ActionPerforming {
    private let files: any FileSystem
    private var active: (any AppendFile)?

    /// `active` is the file of the segment that takes events, if there is one yet.
    package init(_ files: any FileSystem, active: (any AppendFile)? = nil) {
        self.files = files
        self.active = active
    }

    package mutating func perform(_ action: Action) throws(IOFailure) {
        switch action {
        case .append(let offset, let bytes):
            guard let active else { return }
            if active.size != offset { try active.truncate(to: offset) }
            try bytes.withBytes { bytes throws(IOFailure) in try active.append(bytes) }
        case .sync:
            try active?.sync()
        case .createSegment(let path, let bytes):
            try create(path, bytes)
        case .replace(let path, let bytes, let isSecret):
            try files.replace(path, with: bytes, mode: isSecret ? 0o600 : 0o640)
        case .evolveKey:
            // An attempt before this one may have got so far already; whether it is durable is not known then.
            if try files.status(FileNames.nextEpochKey) != nil {
                try files.rename(FileNames.nextEpochKey, to: FileNames.epochKey)
            }
            try files.syncDirectory(FileNames.keys)
        case .acknowledge, .halt:
            break
        }
    }

    private mutating func create(_ path: String, _ bytes: [UInt8]) throws(IOFailure) {
        if try files.status(path) != nil { try files.remove(path) }
        let file = try files.create(path, mode: 0o640)
        try bytes.withBytes { bytes throws(IOFailure) in try file.append(bytes) }
        try file.sync()
        try files.syncDirectory(FileNames.segments)
        try active?.close()
        active = file
    }

    package mutating func close() throws(IOFailure) {
        try active?.close()
        active = nil
    }
}
