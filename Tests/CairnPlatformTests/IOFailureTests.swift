import CairnPlatform
import Glibc
import Testing

@Suite struct IOFailureTests {
    @Test func descriptionSaysWhatWhereAndWhy() {
        let failure = IOFailure(operation: "open", path: "segments/x", code: ENOENT)
        #expect(failure.description == "open segments/x: No such file or directory (ENOENT)")
    }

    @Test func descriptionWithoutAPathHasNoGap() {
        #expect(IOFailure(operation: "poll", path: "", code: EINVAL).description == "poll: Invalid argument (EINVAL)")
    }

    @Test func unknownCodeIsShownAsANumber() {
        let text = IOFailure(operation: "open", path: "x", code: 4_000).description
        #expect(text.contains("(errno 4000)"))
    }

    /// What to do, by operation and code.
    @Test(arguments: [
        ("open", EACCES, "check the owner"),
        ("open", EMFILE, "LimitNOFILE"),
        ("open", ELOOP, "symbolic link"),
        ("mkdir", EROFS, "read-write"),
        ("mkdir", EEXIST, "no directory"),
        ("write", ENOSPC, "free space"),
        ("write", EDQUOT, "quota"),
        ("write", EFBIG, "ulimit -f"),
        ("read", EFBIG, "larger than it may be"),
        ("fdatasync", EIO, "dmesg"),
        ("fsync", EINVAL, "file system cannot"),
        ("flock", EWOULDBLOCK, "one writer"),
        ("flock", EBADF, "NFS"),
        ("connect", ENOENT, "nothing listens"),
        ("connect", ECONNREFUSED, "nothing listens"),
        ("connect", ENAMETOOLONG, "107 bytes"),
        ("inotify_add_watch", ENOSPC, "max_user_watches"),
        ("inotify_init1", EMFILE, "max_user_instances"),
    ])
    func descriptionAdvises(_ operation: String, _ code: Int32, _ advice: String) {
        let text = IOFailure(operation: operation, path: "p", code: code).description
        #expect(text.hasPrefix("\(operation) p: "))
        #expect(text.contains("; "))
        #expect(text.contains(advice))
    }

    /// Every code that has a name is shown with it, and the name is the right one.
    @Test(arguments: [
        (EPERM, "EPERM"), (ENOENT, "ENOENT"), (EINTR, "EINTR"), (EIO, "EIO"), (EBADF, "EBADF"), (EAGAIN, "EAGAIN"),
        (EACCES, "EACCES"), (EEXIST, "EEXIST"), (ENOTDIR, "ENOTDIR"), (EISDIR, "EISDIR"), (EINVAL, "EINVAL"),
        (ENOSPC, "ENOSPC"), (EROFS, "EROFS"), (EPIPE, "EPIPE"), (EXDEV, "EXDEV"), (ESTALE, "ESTALE"),
    ])
    func codeHasItsName(_ code: Int32, _ name: String) {
        #expect(IOFailure(operation: "o", path: "p", code: code).description.contains("(\(name))"))
    }

    /// Columns: operation, code, isMissing, isOutOfSpace, isExisting.
    @Test(arguments: [
        ("open", ENOENT, true, false, false),
        ("write", ENOSPC, false, true, false),
        ("fdatasync", EDQUOT, false, true, false),
        ("inotify_add_watch", ENOSPC, false, false, false),
        ("open", EEXIST, false, false, true),
        ("open", EACCES, false, false, false),
        ("open", ENOTDIR, false, false, false),
    ])
    func kinds(_ operation: String, _ code: Int32, _ missing: Bool, _ full: Bool, _ existing: Bool) {
        let failure = IOFailure(operation: operation, path: "p", code: code)
        #expect(failure.isMissing == missing)
        #expect(failure.isOutOfSpace == full)
        #expect(failure.isExisting == existing)
    }
}
