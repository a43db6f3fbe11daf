package import CairnFormat

/// A place that keeps whole objects under keys: a directory, or a bucket of any S3.
///
/// All calls block, so they belong on threads of their own; any number of threads may call at once. Every call has an
/// end: waiting and retrying are limited by named numbers.
///
/// An object that is listed or found is whole: nobody ever sees half of one. What `put` returned from is durable.
package protocol ObjectStorage: AnyObject, Sendable {
    /// As people name it: `s3://bucket/prefix`, `/srv/archive`. Holds no secret.
    var name: String { get }

    /// Stores an object.
    ///
    /// - Throws: `exists` where the key is taken and `onlyIfAbsent` is wanted: what is there is then as durable as if
    ///   this call had stored it, but may be something else (see ``head(_:)``). `changed` where the source does not
    ///   have the bytes that its SHA-256 was made of; nothing is stored then.
    func put(_ upload: Upload) throws(ArchiveError)

    /// What the storage knows of an object; nil where there is none. A directory reads all of it for that.
    func head(_ key: String) throws(ArchiveError) -> ObjectStatus?

    /// Length of an object in bytes, which no storage reads it for; nil where there is none.
    func size(_ key: String) throws(ArchiveError) -> UInt64?

    /// Sets or prolongs the lock of an object that is there.
    ///
    /// - Throws: `invalid` where the storage has no locks, or the one that is there promises more.
    func lock(_ key: String, _ lock: ObjectLock) throws(ArchiveError)

    /// Reads part of an object.
    ///
    /// - Returns: the bytes read; fewer than `buffer` holds only at the end of the object, 0 beyond it.
    /// - Throws: `notFound` where there is no such object.
    func read(
        _ key: String, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(ArchiveError) -> Int

    /// A whole small object; nil where there is none.
    ///
    /// - Parameter limit: the most bytes that it may have (`tooLarge`).
    func contents(_ key: String, limit: Int) throws(ArchiveError) -> [UInt8]?

    /// Objects whose keys begin with `prefix` (any text, not only whole parts of a path).
    ///
    /// - Parameters:
    ///   - start: where the page begins; nil: at the first object.
    ///   - limit: the most objects in the page, at least 1. A storage may give fewer and still have more.
    func list(prefix: String, from start: ObjectPage.Start?, limit: Int) throws(ArchiveError) -> ObjectPage

    /// Removes an object for good; where the storage keeps versions, the current one. That none is there is no failure.
    ///
    /// - Throws: `locked` where Object Lock keeps it.
    func remove(_ key: String) throws(ArchiveError)

    /// Removes every version of an object and every mark of an earlier removal, so that nothing of its bytes is left.
    ///
    /// - Parameter bypassingGovernance: also what is locked in governance mode, which takes a permission of its own
    ///   (`s3:BypassGovernanceRetention`).
    /// - Throws: `locked` where Object Lock keeps a version; others may be gone by then.
    func removeEveryVersion(_ key: String, bypassingGovernance: Bool) throws(ArchiveError)
}

extension ObjectStorage {
    /// The most objects in a page: what S3 gives at once.
    package static var pageObjects: Int { 1000 }

    /// Stores a small object that is in memory.
    package func put(
        _ key: String, _ bytes: [UInt8], onlyIfAbsent: Bool = true, lock: ObjectLock? = nil,
        contentType: String? = nil
    ) throws(ArchiveError) {
        var upload = Upload(key: key, source: BytesSource(bytes), sha256: .sha256(bytes))
        upload.onlyIfAbsent = onlyIfAbsent
        upload.lock = lock
        upload.contentType = contentType
        try put(upload)
    }

    /// Calls `body` for all objects whose keys begin with `prefix`, page by page, until it returns false.
    ///
    /// - Parameter after: only what is behind this key, see ``ObjectPage/Start``.
    package func forEach(
        prefix: String = "", after: String? = nil, _ body: (ListedObject) throws(ArchiveError) -> Bool
    ) throws(ArchiveError) {
        var start = after.map { ObjectPage.Start.after($0) }
        while true {
            let page = try list(prefix: prefix, from: start, limit: Self.pageObjects)
            for object in page.objects where try !body(object) { return }
            guard let next = page.next else { return }
            start = next
        }
    }
}

/// An object that is to be stored.
package struct Upload {
    /// See ``ObjectKey``.
    package var key: String
    package var source: any ObjectSource
    /// Of all bytes of the source. The storage checks them against it.
    package var sha256: Digest
    /// Whether the key must be free (`If-None-Match: *`).
    package var onlyIfAbsent = true
    /// Until when nobody may remove it. Only a bucket with Object Lock can.
    package var lock: ObjectLock?
    /// RFC 9110 section 8.3; a directory does not keep it.
    package var contentType: String?
    /// Called with the bytes that were sent so far, on the caller's thread; begins again when a try is repeated.
    package var progress: ((UInt64) -> Void)?

    package init(key: String, source: any ObjectSource, sha256: Digest) {
        (self.key, self.source, self.sha256) = (key, source, sha256)
    }
}

/// A promise of the storage that an object stays (S3 Object Lock).
package struct ObjectLock: Sendable, Equatable {
    package enum Mode: String, Sendable, CaseIterable {
        /// Who has the permission to bypass it can.
        case governance = "GOVERNANCE"
        /// Nobody can, not even the owner of the account, before the date.
        case compliance = "COMPLIANCE"
    }

    package var mode: Mode
    package var until: Time

    package init(_ mode: Mode, until: Time) { (self.mode, self.until) = (mode, until) }

    /// Whether this promises all that `other` does.
    package func covers(_ other: ObjectLock) -> Bool {
        until >= other.until && (mode == .compliance || other.mode == .governance)
    }
}

/// What a storage knows of an object.
package struct ObjectStatus: Sendable, Equatable {
    /// Length in bytes.
    package var size: UInt64
    /// Of all bytes: what a directory reads, or what S3 checked when it stored them. Nil where the storage has none, as
    /// for an object that another program stored.
    package var sha256: Digest?
    /// Names this version among all of its key; nil where the storage keeps no versions.
    package var version: String?
    package var lock: ObjectLock?
    /// A lock without a date, set and lifted by hand.
    package var hasLegalHold = false
    package var modified: Time?

    package init(size: UInt64) { self.size = size }
}

package struct ListedObject: Sendable, Equatable {
    package var key: String
    /// Length in bytes.
    package var size: UInt64
    package var modified: Time?

    package init(key: String, size: UInt64, modified: Time?) {
        (self.key, self.size, self.modified) = (key, size, modified)
    }
}

/// Part of a list of objects.
package struct ObjectPage: Sendable, Equatable {
    /// Where a page begins.
    package enum Start: Sendable, Equatable {
        /// Behind this key, which need not exist. What is behind it is for the order of the storage to say.
        case after(String)
        /// What the storage itself said of the end of the page before; means nothing to anybody else.
        case token(String)
    }

    /// In the order of their keys: by bytes in a directory and at AWS. Other servers have orders of their own.
    package var objects: [ListedObject]
    /// Where the page that follows begins; nil where this is the last.
    package var next: Start?

    package init(objects: [ListedObject], next: Start?) { (self.objects, self.next) = (objects, next) }
}
