/// What the words of an `action` say of the activity.
struct ActivityWords: OptionSet, Sendable {
    let rawValue: UInt64

    // What is done to data. Of these the first in the action counts: `get_deleted_items` reads.
    static let create = ActivityWords(rawValue: 1 << 0)
    static let read = ActivityWords(rawValue: 1 << 1)
    static let list = ActivityWords(rawValue: 1 << 2)
    static let query = ActivityWords(rawValue: 1 << 3)
    static let update = ActivityWords(rawValue: 1 << 4)
    static let write = ActivityWords(rawValue: 1 << 5)
    static let delete = ActivityWords(rawValue: 1 << 6)
    static let data: ActivityWords = [.create, .read, .list, .query, .update, .write, .delete]

    // Sessions: `login`, or `logged` and `in`, or `session` and `opened`.
    static let login = ActivityWords(rawValue: 1 << 8)
    static let logout = ActivityWords(rawValue: 1 << 9)
    static let log = ActivityWords(rawValue: 1 << 10)
    static let into = ActivityWords(rawValue: 1 << 11)
    static let out = ActivityWords(rawValue: 1 << 12)
    static let session = ActivityWords(rawValue: 1 << 13)
    static let open = ActivityWords(rawValue: 1 << 14)
    static let close = ActivityWords(rawValue: 1 << 15)
    static let ticket = ActivityWords(rawValue: 1 << 16)

    // Accounts.
    static let password = ActivityWords(rawValue: 1 << 20)
    static let factor = ActivityWords(rawValue: 1 << 21)
    static let reset = ActivityWords(rawValue: 1 << 22)
    static let enable = ActivityWords(rawValue: 1 << 23)
    static let disable = ActivityWords(rawValue: 1 << 24)
    static let lock = ActivityWords(rawValue: 1 << 25)
    static let unlock = ActivityWords(rawValue: 1 << 26)
    static let grant = ActivityWords(rawValue: 1 << 27)
    static let revoke = ActivityWords(rawValue: 1 << 28)

    // Stores and services.
    static let connect = ActivityWords(rawValue: 1 << 32)
    static let encrypt = ActivityWords(rawValue: 1 << 33)
    static let decrypt = ActivityWords(rawValue: 1 << 34)
    static let start = ActivityWords(rawValue: 1 << 35)
    static let stop = ActivityWords(rawValue: 1 << 36)
    static let daemon = ActivityWords(rawValue: 1 << 37)

    static let table = WordTable<ActivityWords>([
        (.create, "create creates created creating add adds added insert inserted register invite invited new"),
        (.create, "import imports imported upload uploads generate generates"),
        (.read, "read reads get gets view views viewed show shows fetch fetches fetched accessed download export"),
        (.read, "exports describe preview watch opened"),
        (.list, "list lists listed enumerate"),
        (.query, "query queries queried search searches select selected find finds found lookup"),
        (.update, "update updates updated modify modifies modified change changes changed edit edits edited set sets"),
        (.update, "patch patched rename renames renamed replace replaces configure move moved approve approved"),
        (.write, "write writes wrote written put puts append appended store stored"),
        (.delete, "delete deletes deleted deletion remove removes removed drop dropped destroy purge purged erase"),
        (.delete, "erased terminate"),
        (.login, "login logins logon logons signin auth authenticate"),
        (.logout, "logout logouts logoff signout signoff"),
        (.log, "log logged sign signed"), (.into, "in on"), (.out, "out off"),
        (.session, "session sessions"), (.open, "open opened start started begin"),
        (.close, "close closed end ended expire expired"), (.ticket, "ticket tickets tgt"),
        (.password, "password passwd passphrase"), (.factor, "mfa otp totp"), (.factor, "webauthn"),
        (.reset, "reset resets"), (.enable, "enable enables enabled activate reactivate restore restored"),
        (.disable, "disable disables disabled deactivate suspend suspends suspended block blocked"),
        (.lock, "lock locks locked lockout"), (.unlock, "unlock unlocks unlocked"),
        (.grant, "grant grants granted assign assigns assigned attach attaches attached"),
        (.revoke, "revoke revokes revoked unassign detach detaches detached"),
        (.connect, "connect connects connected"), (.encrypt, "encrypt encrypted"), (.decrypt, "decrypt decrypted"),
        (.start, "started"), (.stop, "stopped"), (.daemon, "daemon"),
    ])
}

/// What the words of a `target.type` say of the target.
struct TargetWords: OptionSet, Sendable {
    let rawValue: UInt64

    static let user = TargetWords(rawValue: 1 << 0)
    /// What accounts belong to, or what rules over them.
    static let group = TargetWords(rawValue: 1 << 1)
    static let host = TargetWords(rawValue: 1 << 2)
    static let file = TargetWords(rawValue: 1 << 3)
    static let database = TargetWords(rawValue: 1 << 4)
    static let bucket = TargetWords(rawValue: 1 << 5)
    static let table = TargetWords(rawValue: 1 << 6)
    static let stores: TargetWords = [.database, .bucket, .table]

    static let words = WordTable<TargetWords>([
        (.user, "user users account accounts identity person member principal"),
        (.group, "group groups role roles policy policies permission organization team tenant"),
        (.host, "host hosts server servers machine device computer node workstation"),
        (.file, "file files document documents folder directory"),
        (.database, "database databases db datastore schema collection dataset record records index"),
        (.bucket, "bucket buckets databucket"), (.table, "table tables row rows"),
    ])
}
