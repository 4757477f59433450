# What stages say to each other. Evolves by Cap'n Proto's rules: add fields at the end, never
# renumber. schemas/messages.hpp has the C++ values and the limits for untrusted bytes.
@0xbff46462c58b63e7;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("troupe::wire");

struct PromptId {
  dataset @0 :UInt32;
  epoch @1 :UInt32;
  row @2 :UInt64;
}

struct SampleId {
  prompt @0 :PromptId;
  sibling @1 :UInt16;
  attempt @2 :UInt16;
}

struct Version {
  incarnation @0 :UInt32;
  step @1 :UInt32;
}

struct Prompt {
  id @0 :PromptId;
  task @1 :Text;        # "math", "code", ...: what routes choose by
  question @2 :Text;    # what the person asks, without a template
  answer @3 :Text;      # gold, as the dataset has it; empty: none
  template @4 :Text;    # name of the template that turns the question into tokens
  system @5 :Text;      # system text for templates that have one; empty: the template's own
  extra @6 :Text;       # further columns of the row, a JSON object; empty: none
}

struct VersionSpan {
  first @0 :UInt32;     # index of the first token
  version @1 :Version;
}

enum FinishReason { stop @0; length @1; abort @2; }
enum Outcome { scored @0; unscorable @1; timeout @2; infraError @3; }

struct Verdict {
  component @0 :Text;   # name of the stage that judged
  outcome @1 :Outcome;
  score @2 :Float64;    # meaningful when scored
  detail @3 :Text;
  attempts @4 :UInt16;  # how often it was tried
  callees @5 :List(Callee);  # whom the judge asked, and in which version they answered
}

struct Callee {
  stage @0 :Text;
  version @1 :Version;  # of the weights behind the answer
}

struct RewardPart {
  component @0 :Text;
  score @1 :Float64;
  weight @2 :Float64;
}

struct Sample {
  id @0 :SampleId;
  prompt @1 :Prompt;
  promptTokens @2 :List(Int32);
  tokens @3 :List(Int32);
  logprobs @4 :List(Float32);
  versions @5 :List(VersionSpan);
  finish @6 :FinishReason;
  text @7 :Text;
  verdicts @8 :List(Verdict);
  hasReward @9 :Bool;
  reward @10 :Float64;
  rewardParts @11 :List(RewardPart);
}

struct Group {
  id @0 :PromptId;
  version @1 :Version;      # at admission
  samples @2 :List(Data);   # each a Sample message of its own, as the assembler received it
  missing @3 :UInt16;       # siblings that ended before they reached the group
}

struct WeightsAnnouncement {
  model @0 :Text;
  version @1 :Version;
  bytes @2 :UInt64;
}

enum End { trained @0; delivered @1; filtered @2; unscorable @3; failed @4; leftOver @5; }

struct Tombstone {
  # Takes the place of a sample (or of a whole group) that ended on its way, so that nothing
  # downstream waits for the dead.
  end @0 :End;
  reason @1 :Text;
  stage @2 :Text;
}

struct TextRequest {
  # A call: generate one text. What is left out is as the service's own options say.
  question @0 :Text;
  template @1 :Text;    # how the question becomes tokens
  system @2 :Text;      # empty: the template's own
  maxNewTokens @3 :UInt32;
  temperature @4 :Float64;
  topP @5 :Float64;
  seed @6 :UInt64;      # of the sampling; the same request has the same answer
}

struct TextAnswer {
  text @0 :Text;
  finish @1 :FinishReason;
  tokens @2 :UInt32;    # how many were generated
}
