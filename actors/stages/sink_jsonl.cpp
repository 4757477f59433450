#include "actors/stages/sink_jsonl.hpp"

#include <nlohmann/json.hpp>

namespace troupe::stages {

Result<std::unique_ptr<runtime::Stage>> JsonlSink::make(const runtime::StageContext& context) {
  const std::filesystem::path path = context.option("path").as_string();
  if (path.has_parent_path()) TROUPE_TRY(context.disk->make_directories(path.parent_path()));
  TROUPE_ASSIGN(auto file, context.disk->append(path));
  return std::unique_ptr<runtime::Stage>(new JsonlSink(std::move(file)));
}

void JsonlSink::on_message(runtime::InPort, Envelope envelope, runtime::Outbox& out) {
  auto sample = decode_sample(envelope.payload);
  if (!sample.ok()) return out.end(envelope, End::Failed, sample.error().message, envelope.payload);
  nlohmann::ordered_json line = {{"id", to_string(sample->id)},
                                 {"task", sample->prompt.task},
                                 {"question", sample->prompt.question},
                                 {"answer", sample->prompt.answer},
                                 {"completion", sample->text}};
  if (!sample->prompt.extra.empty())
    line["extra"] = nlohmann::ordered_json::parse(sample->prompt.extra, nullptr, false);
  if (sample->reward) line["reward"] = *sample->reward;
  auto& verdicts = line["verdicts"] = nlohmann::ordered_json::object();
  for (const Verdict& verdict : sample->verdicts) {
    verdicts[verdict.component] = {{"outcome", name_of(verdict.outcome)},
                                   {"score", verdict.score},
                                   {"detail", verdict.detail}};
  }
  const std::string text =
      line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  if (auto written = file_->write(std::string_view(text)); !written.ok())
    throw std::runtime_error(written.error().text());
  out.end(envelope, End::Delivered, "", envelope.payload);
}

}  // namespace troupe::stages
