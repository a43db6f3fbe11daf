import CairnFormat
import Testing

@testable import CairnReader

@Suite struct WordTableTests {
    private static let table = WordTable<ActivityWords>([
        (.create, "create new"), (.login, "login"), (.factor, "mfa"), (.read, "download opened"), (.open, "opened"),
        (.into, "in"), (.out, "a"),
    ])

    private func words(_ name: String) -> [UInt64] {
        var found: [UInt64] = []
        Array(name.utf8).withUnsafeBytes { Self.table.forEachMeaning(in: $0) { found.append($0.rawValue) } }
        return found
    }

    @Test(
        arguments: [
            ("", []), ("login", [.login]), ("LOGIN", [.login]), ("Login", [.login]), ("login_failed", [.login]),
            ("user.login", [.login]), ("UserLogin", [.login]), ("userLoginNew", [.login, .create]),
            ("LoginMFADevice", [.login, .factor]), ("MFALogin", [.factor, .login]), ("listMFA", [.factor]),
            ("AWS::New::Login", [.create, .login]), ("logins", []), ("xlogin", []), ("login2in", [.login, .into]),
            ("downloaded", [.read]), ("DOWNLOADS_x", [.read]), ("opened", [[.read, .open]]), ("in", [.into]),
            ("i n", []), ("A", [.out]), ("aB", [.out]), ("ü login é", [.login]), ("newüin", [.create, .into]),
        ] as [(String, [ActivityWords])])
    func words(_ name: String, _ expected: [ActivityWords]) {
        #expect(words(name) == expected.map(\.rawValue))
    }

    @Test func everyWordOfTheTablesIsFound() {
        #expect(ActivityWords.table.meanings(of: "CRED_DISP").isEmpty)
        for (word, meaning) in [
            ("created", ActivityWords.create), ("describe", .read), ("enumerated", .list), ("searches", .query),
            ("modified", .update), ("appended", .write), ("purged", .delete), ("authenticated", .login),
            ("logoff", .logout), ("passwd", .password), ("totp", .factor), ("reactivated", .enable),
            ("suspended", .disable), ("lockout", .lock), ("unlocked", .unlock), ("assigned", .grant),
            ("detached", .revoke), ("decrypt", .decrypt), ("encrypted", .encrypt),
        ] {
            #expect(ActivityWords.table.meanings(of: word) == meaning, "\(word)")
        }
    }
}

extension WordTable {
    fileprivate func meanings(of name: String) -> Meaning {
        var found: Meaning = []
        Array(name.utf8).withUnsafeBytes { forEachMeaning(in: $0) { found.formUnion($0) } }
        return found
    }
}

@Suite struct ActivityTableTests {
    private static let table = ActivityTable()

    /// Class and activity, as `class/activity`, and ECS's type.
    private func activity(
        _ module: String, _ action: String, target: String? = nil, actor: Bool = true, own: Bool = false
    ) -> (type: String, ecs: String) {
        var facts = ActivityTable.Facts()
        let (moduleBytes, actionBytes) = (Array(module.utf8), Array(action.utf8))
        return moduleBytes.withUnsafeBytes { module in
            actionBytes.withUnsafeBytes { action in
                (facts.module, facts.action) = (module, action)
                facts.hasTarget = target != nil
                facts.target = Array((target ?? "").utf8).withUnsafeBytes { Self.table.target($0) }
                (facts.hasActor, facts.isOwn) = (actor, own)
                let found = Self.table.activity(facts)
                return ("\(found.activityClass.rawValue)/\(found.id)", found.type.description)
            }
        }
    }

    @Test(
        arguments: [
            ("login", "3002/1", "start"), ("login_failed", "3002/1", "start"), ("UserLoggedIn", "3002/1", "start"),
            ("sshd.failed_login", "3002/1", "start"), ("pam.session_opened", "3002/1", "start"),
            ("CreateSession", "3002/1", "start"), ("USER_AUTH", "3002/1", "start"), ("logout", "3002/2", "end"),
            ("user.logged_out", "3002/2", "end"), ("pam.session_closed", "3002/2", "end"),
            ("sign-out", "3002/2", "end"), ("tgt_requested", "3002/3", "info"), ("CRED_ACQ", "3002/99", "info"),
            ("password_reset", "3001/4", "change"), ("ChangePassword", "3001/3", "change"),
            ("mfa_enabled", "3001/10", "change"), ("otp.removed", "3001/11", "change"),
            ("account_locked", "3001/9", "change"), ("unlock_account", "3001/12", "change"), ("", "3002/99", "info"),
        ])
    func authentication(_ action: String, _ expected: String, _ type: String) {
        #expect(activity("authentication", action) == (expected, type))
        #expect(activity("authentication", action, actor: false) == (expected, type))
    }

    @Test(
        arguments: [
            ("create_user", nil, "3001/1", "creation"), ("user.deleted", nil, "3001/6", "deletion"),
            ("UpdateUser", "user", "3001/99", "change"), ("disable_user", "user", "3001/5", "change"),
            ("reactivated", "account", "3001/2", "change"), ("grant_role", "user", "3001/7", "change"),
            ("role_revoked", "user", "3001/8", "change"), ("list_users", nil, "6003/2", "access"),
            ("frobnicate", nil, "3001/99", "info"), ("create", "AWS::IAM::Role", "3004/1", "creation"),
            ("policy.updated", "policy", "3004/3", "change"), ("list", "group", "3004/2", "access"),
            ("frobnicate", "role", "3004/99", "info"), ("reset_password", "user", "3001/4", "change"),
        ] as [(String, String?, String, String)])
    func userManagement(_ action: String, _ target: String?, _ expected: String, _ type: String) {
        #expect(activity("user_management", action, target: target) == (expected, type))
    }

    @Test(
        arguments: [
            ("settings.updated", "setting", "3004/3", "change"), ("Set-Mailbox", "mailbox", "3004/3", "change"),
            ("delete", "tenant", "3004/4", "deletion"), ("view", "report", "3004/2", "access"),
            ("enable_feature", "feature", "3004/8", "change"), ("feature.disabled", "feature", "3004/9", "change"),
            ("settings.updated", nil, "6003/3", "change"), ("DAEMON_START", nil, "6003/99", "info"),
            ("create_user", "user", "3001/1", "creation"), ("get_user", "user", "6003/2", "access"),
            ("lock", "record", "3004/99", "info"), ("get_deleted_items", "mailbox", "3004/2", "access"),
        ] as [(String, String?, String, String)])
    func administration(_ action: String, _ target: String?, _ expected: String, _ type: String) {
        #expect(activity("administration", action, target: target) == (expected, type))
    }

    @Test(
        arguments: [
            ("invoice.export", nil, "6003/2", "access"), ("invoice.created", "invoice", "6003/1", "creation"),
            ("DescribeInstances", nil, "6003/2", "access"), ("list_secrets", nil, "6003/2", "access"),
            ("update", "invoice", "6003/3", "change"), ("write", "invoice", "6003/3", "change"),
            ("purge", "invoice", "6003/4", "deletion"), ("scan_started", nil, "6003/99", "info"),
            ("GetObject", "AWS::S3::Bucket", "6005/1", "access"), ("list", "table", "6005/8", "access"),
            ("query", "database", "6005/4", "access"), ("insert", "rows", "6005/6", "change"),
            ("update", "collection", "6005/2", "change"), ("append", "dataset", "6005/5", "change"),
            ("drop", "table", "6005/7", "change"), ("encrypt", "bucket", "6005/9", "change"),
            ("Decrypt", "bucket", "6005/10", "access"), ("connect", "database", "6005/3", "access"),
            ("vacuum", "database", "6005/99", "info"),
        ] as [(String, String?, String, String)])
    func everythingElse(_ action: String, _ target: String?, _ expected: String, _ type: String) {
        for module in ["reporting", "reconnaissance", "scanning", "exploitation", "billing", ""] {
            #expect(activity(module, action, target: target) == (expected, type), "\(module)")
            #expect(activity(module, action, target: target, actor: false) == ("0/99", "info"), "\(module)")
        }
    }

    @Test(
        arguments: [
            ("daemon.started", true, "6002/3", "start"), ("daemon.stopped", true, "6002/4", "end"),
            ("log.rotated", true, "0/99", "info"), ("daemon.started", false, "0/99", "info"),
            ("event.rejected", false, "0/99", "info"), ("create_user", false, "0/99", "info"),
        ])
    func system(_ action: String, _ own: Bool, _ expected: String, _ type: String) {
        #expect(activity("system", action, own: own) == (expected, type))
    }
}
