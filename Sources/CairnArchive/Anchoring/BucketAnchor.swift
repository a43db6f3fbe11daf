package import CairnFormat

/// A bucket of any S3, or a directory, with an object for each checkpoint. Under Object Lock nobody can take one away
/// before its time.
package struct BucketAnchor: AnchorPlace {
    package var target: String { storage.name }
    private let storage: any ObjectStorage
    private let lock: ObjectLock?

    package init(_ storage: any ObjectStorage, lock: ObjectLock?) {
        self.storage = storage
        self.lock = lock
    }

    package func newest(of origin: Origin) throws(ArchiveError) -> [UInt8]? {
        let layout = ArchiveLayout(origin)
        var newest: UInt64?
        try storage.forEach(prefix: layout.anchors) { (object) throws(ArchiveError) in
            if let size = ArchiveLayout.number(object.key, prefix: layout.anchors, suffix: "") {
                newest = max(newest ?? 0, size)
            }
            return true
        }
        guard let newest else { return nil }
        return try storage.contents(layout.anchor(newest), limit: Limits.note)
    }

    package func publish(_ checkpoint: SignedNote, of origin: Origin) throws(ArchiveError) -> SignedNote {
        let size: UInt64
        do throws(FormatError) {
            size = try Checkpoint(checkpoint).size
        } catch {
            throw ArchiveError(.invalid, "the checkpoint: \(error)")
        }
        let key = ArchiveLayout(origin).anchor(size)
        do throws(ArchiveError) {
            try storage.put(key, checkpoint.bytes, lock: lock, contentType: "text/plain")
        } catch {
            // Whether the log extends what is there was asked before.
            guard error.code == .exists else { throw error }
        }
        guard try storage.contents(key, limit: Limits.note) == checkpoint.bytes else {
            throw ArchiveError(.changed, "another checkpoint of the same size is there", key: key)
        }
        if let lock, let status = try storage.head(key), status.lock.map({ $0.until < lock.until }) ?? true {
            throw ArchiveError(
                .locked,
                "it is there, but not locked until \(lock.until): it was put there before, or the bucket has no Object "
                    + "Lock", key: key)
        }
        return checkpoint
    }
}
