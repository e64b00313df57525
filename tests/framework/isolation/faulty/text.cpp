// text: writes a line with the mean of each item, or a fault.
//
// Settings (keys in a pipeline file)
//   to             the file                                                   required
//   with           what it does, and when
#include <fstream>

#include "fault.h"

namespace pellucid {
namespace {

class Text final : public Sink {
 public:
  struct Settings {
    OutputPath to;
    FaultSettings with;
  };
  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"to", &Settings::to, "", "the file", required()},
        {"with", &Settings::with, "", "what it does, and when"},
    };
    return rows;
  }

  static constexpr In<Tensor> x{"x", "items"};
  static const Ports& ports() {
    static const Ports all{x};
    return all;
  }

  explicit Text(Settings settings) : settings_(std::move(settings)) {}

  std::int64_t check(const Inputs& in) const override { return 16 * in.spec(x).items; }

  void open(const Inputs&, const SinkStart& start, Context&) override {
    std::vector<std::string> lines;
    if (start.resumed) {
      std::ifstream before(part());
      std::string line;
      while (static_cast<std::int64_t>(lines.size()) < start.first_item &&
             std::getline(before, line))
        lines.push_back(line);
      if (static_cast<std::int64_t>(lines.size()) < start.first_item)
        throw Error("lines are missing in '" + part() + "'");
    }
    file_.open(part(), std::ios::trunc);
    for (const std::string& line : lines) file_ << line << "\n";
  }
  void write(const Inputs& in, Context&) override {
    settings_.with.meet(Moment::compute, in.block().first, in.block().count);
    for (std::int64_t row = 0; row < in[x].size(0); ++row)
      file_ << in[x][row].mean().item<double>() << "\n" << std::flush;
  }
  void sync() override { file_.flush(); }
  void close(const std::string&) override {
    file_.close();
    std::filesystem::rename(part(), settings_.to.path);
  }
  std::vector<std::string> files() const override { return {settings_.to.path.string()}; }

 private:
  std::string part() const { return settings_.to.path.string() + ".part"; }
  Settings settings_;
  std::ofstream file_;
};

}  // namespace

PELLUCID_COMPONENT(Text, "Writes means, or does what it should not");

}  // namespace pellucid
