internal import CairnFormat
package import CairnPlatform

/// Who does what the core asks of the disk. Tests put their own between, to see that the order of actions matters.
package protocol ActionPerforming {
    /// Does one action that concerns the disk; the others are the caller's. After a throw the same action may be asked
    /// for again.
    mutating func perform(_ action: Action) throws(IOFailure)
    mutating func close() throws(IOFailure)

    /// What is not where it was; `path` is the active segment's. Nil if all is in place.
    func displacement(of path: String) throws(IOFailure) -> Displacement?
    /// Bytes that can still be written.
    func availableBytes() throws(IOFailure) -> UInt64
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
        case .hint(let path, let bytes):
            try? files.replace(path, with: bytes, mode: 0o600, isDurable: false)
        case .forget(let path):
            // One that stays is not believed, and the next start tries again.
            for path in [path, path + ".tmp"] { try? files.remove(path) }
        case .evolveKey:
            // An attempt before this one may have got so far already; whether it is durable is not known then.
            if try files.status(FileNames.nextEpochKey) != nil {
                try files.rename(FileNames.nextEpochKey, to: FileNames.epochKey)
            }
            try files.syncDirectory(FileNames.keys)
        case .restore(let path):
            try restore(path)
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

    /// The open file holds all that was acknowledged, whatever has become of its name.
    private mutating func restore(_ path: String) throws(IOFailure) {
        guard let active else { return }
        let source = try active.reader()
        if let status = try files.status(path), status.identity != source.identity {
            let kept = "\(path).displaced-\(status.identity.inode)"
            if try files.status(kept) == nil { try files.link(path, to: kept) }
            try files.syncDirectory(FileNames.segments)
        }
        let copy = try files.copy(source, size: active.size, to: path, mode: 0o640)
        // Nothing is lost with the old one: its bytes are durable in the new.
        try? active.close()
        self.active = copy
    }

    package func displacement(of path: String) throws(IOFailure) -> Displacement? {
        guard try files.isInPlace(), try files.status(FileNames.segments)?.isDirectory == true else {
            return .directory
        }
        if let active {
            guard let status = try files.status(path) else { return .segment(isReplaced: false) }
            if try active.reader().identity != status.identity { return .segment(isReplaced: true) }
        }
        return try files.status(FileNames.epochKey) == nil ? .key : nil
    }

    package func availableBytes() throws(IOFailure) -> UInt64 { try files.availableBytes() }

    package mutating func close() throws(IOFailure) {
        try active?.close()
        active = nil
    }
}
