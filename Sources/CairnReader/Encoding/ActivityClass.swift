import CairnFormat

/// Classes of the Open Cybersecurity Schema Framework 1.5.0 (schema.ocsf.io): the uid is the category's times 1000 and
/// more.
enum ActivityClass: UInt16, Sendable {
    /// Base Event: of no category.
    case base = 0
    case accountChange = 3001
    case authentication = 3002
    case entityManagement = 3004
    case applicationLifecycle = 6002
    case apiActivity = 6003
    case datastoreActivity = 6005

    var name: StaticString {
        switch self {
        case .base: "Base Event"
        case .accountChange: "Account Change"
        case .authentication: "Authentication"
        case .entityManagement: "Entity Management"
        case .applicationLifecycle: "Application Lifecycle"
        case .apiActivity: "API Activity"
        case .datastoreActivity: "Datastore Activity"
        }
    }

    /// ECS `event.category`, from its allowed values; nil where none fits.
    var category: StaticString? {
        switch self {
        case .base: nil
        case .accountChange: "iam"
        case .authentication: "authentication"
        case .entityManagement: "configuration"
        case .applicationLifecycle: "process"
        case .apiActivity: "api"
        case .datastoreActivity: "database"
        }
    }
}

/// What kind of activity an event tells of: its class, what was done, and how OCSF and ECS call it.
struct Activity: Sendable {
    var activityClass: ActivityClass
    /// OCSF `activity_id` of the class.
    var id: UInt8
    /// Its caption in OCSF; nil for 99, "Other": the action itself is the name then.
    var name: StaticString?
    /// ECS `event.type`, from the values expected of the class's category.
    var type: StaticString

    init(_ activityClass: ActivityClass, _ id: UInt8, _ name: StaticString?, _ type: StaticString) {
        self.activityClass = activityClass
        (self.id, self.name, self.type) = (id, name, type)
    }

    static func other(_ activityClass: ActivityClass) -> Activity { Activity(activityClass, 99, nil, "info") }

    static let base = other(.base)
}
