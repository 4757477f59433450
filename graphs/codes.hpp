#pragma once
// The codes of all diagnostics. What `troupe explain CODE` says of each stands in codes.cpp. A code
// never changes its meaning and is never used again for another.
#include <string_view>

namespace troupe::graphs::codes {

// the file and its values
inline constexpr std::string_view kUnreadable = "E0101";
inline constexpr std::string_view kSyntax = "E0102";
inline constexpr std::string_view kDefinedTwice = "E0103";
inline constexpr std::string_view kFormat = "E0104";
inline constexpr std::string_view kUnknownSection = "E0105";
inline constexpr std::string_view kUnknownKey = "E0106";
inline constexpr std::string_view kMissingKey = "E0107";
inline constexpr std::string_view kWrongType = "E0108";
inline constexpr std::string_view kWrongUnit = "E0109";
inline constexpr std::string_view kOutOfRange = "E0110";
inline constexpr std::string_view kNotAChoice = "E0111";
inline constexpr std::string_view kBadSet = "E0112";
inline constexpr std::string_view kBadName = "E0113";
inline constexpr std::string_view kNoSuchFile = "E0114";
inline constexpr std::string_view kNotSupportedYet = "E0115";
inline constexpr std::string_view kOneOf = "E0116";
// files over each other
inline constexpr std::string_view kNoBase = "E0150";
inline constexpr std::string_view kExtendsCycle = "E0151";
inline constexpr std::string_view kExtendsTooDeep = "E0152";
inline constexpr std::string_view kOverlayExtends = "E0153";
inline constexpr std::string_view kNothingToRemove = "E0154";
// recipes
inline constexpr std::string_view kPhaseTwice = "E0160";
inline constexpr std::string_view kUnknownPhase = "E0161";
inline constexpr std::string_view kUnknownArtifact = "E0162";
inline constexpr std::string_view kNoPhases = "E0163";
inline constexpr std::string_view kNotAGraph = "E0164";
// tests of a graph
inline constexpr std::string_view kTestTwice = "E0170";
inline constexpr std::string_view kTestTarget = "E0171";
inline constexpr std::string_view kTestExpects = "E0172";
inline constexpr std::string_view kTestNeedsModel = "E0173";
inline constexpr std::string_view kTestSamples = "E0174";
// what a run can have or promise
inline constexpr std::string_view kMemoryLimit = "E0190";
inline constexpr std::string_view kMachineTooSmall = "E0191";
inline constexpr std::string_view kExactCall = "E0192";
// names
inline constexpr std::string_view kUnknownKind = "E0201";
inline constexpr std::string_view kUnknownStage = "E0202";
inline constexpr std::string_view kUnknownPort = "E0203";
inline constexpr std::string_view kUnknownModel = "E0204";
inline constexpr std::string_view kWrongFamily = "E0205";
inline constexpr std::string_view kUnknownEdge = "E0206";
inline constexpr std::string_view kEdgeTwice = "E0207";
// the text of a flow
inline constexpr std::string_view kExpectedStage = "E0301";
inline constexpr std::string_view kExpectedArrow = "E0302";
inline constexpr std::string_view kUnbalanced = "E0303";
inline constexpr std::string_view kUnexpectedCharacter = "E0304";
inline constexpr std::string_view kNothingConnected = "E0305";
inline constexpr std::string_view kTooDeep = "E0306";
inline constexpr std::string_view kNoFlow = "E0307";
inline constexpr std::string_view kMisplacedCall = "E0308";
inline constexpr std::string_view kMisplacedRoute = "E0309";
inline constexpr std::string_view kTaskTwice = "E0310";
inline constexpr std::string_view kTooMany = "E0311";
// the shape of the graph
inline constexpr std::string_view kTypeMismatch = "E0401";
inline constexpr std::string_view kWrongArrow = "E0402";
inline constexpr std::string_view kConnectedTwice = "E0403";
inline constexpr std::string_view kCycle = "E0404";
inline constexpr std::string_view kNotFed = "E0405";
inline constexpr std::string_view kJoinCannotFill = "E0406";
inline constexpr std::string_view kBranchesInARow = "E0407";
inline constexpr std::string_view kGroupsInBranch = "E0408";
inline constexpr std::string_view kSeveralGates = "E0409";
inline constexpr std::string_view kTwoProducers = "E0410";
inline constexpr std::string_view kSampleTwice = "E0411";
inline constexpr std::string_view kNoGroups = "E0412";
inline constexpr std::string_view kNoNewWeights = "E0413";
inline constexpr std::string_view kGoesNowhere = "E0414";
inline constexpr std::string_view kNoBranch = "E0415";
inline constexpr std::string_view kCallCycle = "E0416";
inline constexpr std::string_view kTwoServices = "E0417";
inline constexpr std::string_view kGroupCannotFill = "E0418";
inline constexpr std::string_view kNoReward = "E0419";
// policies and numbers that must fit each other
inline constexpr std::string_view kCapacityBelowGroup = "E0501";
inline constexpr std::string_view kStalenessElsewhere = "E0502";
inline constexpr std::string_view kDropsAccounted = "E0503";
inline constexpr std::string_view kStalenessUnreachable = "E0504";
inline constexpr std::string_view kBadWeight = "E0505";
inline constexpr std::string_view kPolicyOnLatest = "E0506";
inline constexpr std::string_view kGroupElsewhere = "E0507";
inline constexpr std::string_view kNotSwappable = "E0508";
// not wrong, but hardly meant
inline constexpr std::string_view kUnusedStage = "W0601";
inline constexpr std::string_view kStaleReader = "W0602";
inline constexpr std::string_view kUnweightedVerdict = "W0603";
inline constexpr std::string_view kGroupOfOne = "W0604";
inline constexpr std::string_view kUnusedModel = "W0605";
inline constexpr std::string_view kNeverTaken = "W0606";
inline constexpr std::string_view kUnmixedWeight = "W0611";
inline constexpr std::string_view kSameData = "W0612";
inline constexpr std::string_view kMachineIsSmaller = "W0613";

}  // namespace troupe::graphs::codes
