import CairnFormat

/// The one table that says which activity an event tells of, by module, action and type of the target. The first line
/// whose words all occur in the action counts.
struct ActivityTable: Sendable {
    private struct Line: Sendable {
        var words: ActivityWords
        var activity: Activity
    }

    private static func lines(
        _ activityClass: ActivityClass, _ lines: [(ActivityWords, UInt8, StaticString?, StaticString)]
    ) -> [Line] {
        lines.map { Line(words: $0.0, activity: Activity(activityClass, $0.1, $0.2, $0.3)) }
    }

    /// OCSF Account Change, whoever reports it: only what says that it is about credentials.
    private static let credentials = lines(
        .accountChange,
        [
            ([.password, .reset], 4, "Password Reset", "change"),
            ([.password, .update], 3, "Password Change", "change"),
            ([.factor, .enable], 10, "MFA Factor Enable", "change"),
            ([.factor, .create], 10, "MFA Factor Enable", "change"),
            ([.factor, .disable], 11, "MFA Factor Disable", "change"),
            ([.factor, .delete], 11, "MFA Factor Disable", "change"),
            ([.unlock], 12, "Unlock", "change"),
            ([.lock], 9, "Lock", "change"),
        ])

    /// Module `authentication`: OCSF Authentication.
    private static let authentication =
        credentials
        + lines(
            .authentication,
            [
                ([.logout], 2, "Logoff", "end"),
                ([.log, .out], 2, "Logoff", "end"),
                ([.session, .close], 2, "Logoff", "end"),
                ([.session, .delete], 2, "Logoff", "end"),
                ([.ticket], 3, "Authentication Ticket", "info"),
                ([.login], 1, "Logon", "start"),
                ([.log, .into], 1, "Logon", "start"),
                ([.session, .open], 1, "Logon", "start"),
                ([.session, .create], 1, "Logon", "start"),
            ])

    /// Module `user_management` unless it is about groups, `administration` of users: OCSF Account Change.
    private static let accounts =
        credentials
        + lines(
            .accountChange,
            [
                ([.grant], 7, "Attach Policy", "change"),
                ([.revoke], 8, "Detach Policy", "change"),
                ([.enable], 2, "Enable", "change"),
                ([.disable], 5, "Disable", "change"),
                ([.create], 1, "Create", "creation"),
                ([.delete], 6, "Delete", "deletion"),
                ([.update], 99, nil, "change"),
            ])

    /// Module `administration`, and `user_management` about groups, roles and policies: OCSF Entity Management.
    private static let entities = lines(
        .entityManagement,
        [
            ([.enable], 8, "Enable", "change"),
            ([.disable], 9, "Disable", "change"),
            ([.create], 1, "Create", "creation"),
            ([.read], 2, "Read", "access"),
            ([.list], 2, "Read", "access"),
            ([.query], 2, "Read", "access"),
            ([.update], 3, "Update", "change"),
            ([.write], 3, "Update", "change"),
            ([.grant], 3, "Update", "change"),
            ([.revoke], 3, "Update", "change"),
            ([.delete], 4, "Delete", "deletion"),
        ])

    /// Any module, about databases, buckets and tables: OCSF Datastore Activity.
    private static let stores = lines(
        .datastoreActivity,
        [
            ([.encrypt], 9, "Encrypt", "change"),
            ([.decrypt], 10, "Decrypt", "access"),
            ([.create], 6, "Create", "change"),
            ([.list], 8, "List", "access"),
            ([.query], 4, "Query", "access"),
            ([.read], 1, "Read", "access"),
            ([.update], 2, "Update", "change"),
            ([.write], 5, "Write", "change"),
            ([.delete], 7, "Delete", "change"),
            ([.connect], 3, "Connect", "access"),
        ])

    /// Any module: OCSF API Activity.
    private static let calls = lines(
        .apiActivity,
        [
            ([.create], 1, "Create", "creation"),
            ([.read], 2, "Read", "access"),
            ([.list], 2, "Read", "access"),
            ([.query], 2, "Read", "access"),
            ([.update], 3, "Update", "change"),
            ([.write], 3, "Update", "change"),
            ([.delete], 4, "Delete", "deletion"),
        ])

    /// The daemon's own events: OCSF Application Lifecycle.
    private static let lifecycle = lines(
        .applicationLifecycle,
        [
            ([.daemon, .start], 3, "Start", "start"),
            ([.daemon, .stop], 4, "Stop", "end"),
        ])

    private let words = ActivityWords.table
    private let targets = TargetWords.words
    private let authentication = ActivityTable.authentication
    private let accounts = ActivityTable.accounts
    private let entities = ActivityTable.entities
    private let stores = ActivityTable.stores
    private let calls = ActivityTable.calls
    private let lifecycle = ActivityTable.lifecycle

    /// What of an event decides.
    struct Facts {
        var module = UnsafeRawBufferPointer(start: nil, count: 0)
        var action = UnsafeRawBufferPointer(start: nil, count: 0)
        var target = TargetWords()
        /// Whether the target has a name or an id.
        var hasTarget = false
        /// Whether it says who, or from where.
        var hasActor = false
        /// Whether the daemon wrote it about itself.
        var isOwn = false
    }

    /// What the type of a target says.
    func target(_ type: UnsafeRawBufferPointer) -> TargetWords {
        var found: TargetWords = []
        targets.forEachMeaning(in: type) { found.formUnion($0) }
        return found
    }

    /// Calls and work on stores need somebody who did it, or an address: what names neither is of no class.
    func activity(_ facts: Facts) -> Activity {
        let words = words(of: facts.action)
        if facts.module.equals("system") { return facts.isOwn ? first(lifecycle, words) ?? .base : .base }
        if facts.module.equals("authentication") { return first(authentication, words) ?? .other(.authentication) }
        let isManagement = facts.module.equals("user_management")
        let isAdministration = facts.module.equals("administration")
        let isRead = !words.isDisjoint(with: [.read, .list, .query])
        if isManagement ? facts.target.isDisjoint(with: .group) : isAdministration && facts.target.contains(.user) {
            // There is no activity of reading there.
            if !isRead { return first(accounts, words) ?? .other(.accountChange) }
        } else if isManagement || isAdministration, facts.hasTarget {
            return first(entities, words) ?? .other(.entityManagement)
        }
        guard facts.hasActor else { return .base }
        if facts.hasTarget, !facts.target.isDisjoint(with: .stores) {
            return first(stores, words) ?? .other(.datastoreActivity)
        }
        return first(calls, words) ?? .other(.apiActivity)
    }

    private func words(of action: UnsafeRawBufferPointer) -> ActivityWords {
        var found: ActivityWords = []
        words.forEachMeaning(in: action) { meaning in
            found.formUnion(found.isDisjoint(with: .data) ? meaning : meaning.subtracting(.data))
        }
        return found
    }

    private func first(_ lines: [Line], _ words: ActivityWords) -> Activity? {
        for line in lines where words.isSuperset(of: line.words) { return line.activity }
        return nil
    }
}
