#include "buffers/pickle.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include <pellucid/spec.h>

namespace pellucid {
namespace {

std::optional<at::ScalarType> dtype_of_storage(const std::string& name) {
  static const std::map<std::string, at::ScalarType> known{
      {"torch.FloatStorage", at::kFloat},
      {"torch.DoubleStorage", at::kDouble},
      {"torch.HalfStorage", at::kHalf},
      {"torch.BFloat16Storage", at::kBFloat16},
      {"torch.LongStorage", at::kLong},
      {"torch.IntStorage", at::kInt},
      {"torch.ShortStorage", at::kShort},
      {"torch.CharStorage", at::kChar},
      {"torch.ByteStorage", at::kByte},
      {"torch.BoolStorage", at::kBool},
      {"torch.ComplexFloatStorage", at::kComplexFloat},
      {"torch.ComplexDoubleStorage", at::kComplexDouble},
  };
  const auto found = known.find(name);
  if (found == known.end()) return {};
  return found->second;
}

bool is_allowed(const std::string& global) {
  return global == "collections.OrderedDict" || global == "torch.Size" ||
         global == "torch._utils._rebuild_tensor_v2" ||
         global == "torch._utils._rebuild_parameter" || dtype_of_storage(global).has_value();
}

}  // namespace

/// The stack machine that a pickle is a program for (Python's Lib/pickletools.py lists its
/// operations). Values on the stack stand in the Pickle; a mark remembers a height of the stack.
class PickleMachine {
 public:
  using Value = Pickle::Value;

  PickleMachine(Pickle& pickle, std::string_view bytes) : pickle_(pickle), rest_(bytes) {}

  const Value* run() {
    while (true) {
      const auto operation = static_cast<unsigned char>(bytes(1).front());
      if (operation == '.') return pop();
      step(operation);
    }
  }

 private:
  void step(unsigned char operation) {
    switch (operation) {
      case 0x80:  // PROTO
        if (number(1) > 5) throw Error("it has a version of pickle that is not known");
        return;
      case 0x95:  // FRAME
        bytes(8);
        return;
      case 'N':
        return push(Pickle::None{});
      case 0x88:
        return push(true);
      case 0x89:
        return push(false);
      case 'K':
        return push(number(1));
      case 'M':
        return push(number(2));
      case 'J':
        return push(static_cast<std::int64_t>(static_cast<std::int32_t>(number(4))));
      case 0x8a:
        return push(long_integer());
      case 'G':
        return push(real());
      case 'X':
      case 'B':
        return push(std::string(bytes(number(4))));
      case 0x8c:
      case 'C':
      case 'U':
        return push(std::string(bytes(number(1))));
      case 0x8d:
      case 0x8e:
        return push(std::string(bytes(number(8))));
      case ']':
      case ')':
      case 0x8f:
        return push(Pickle::List{});
      case '}':
        return push(Pickle::Dictionary{});
      default:
        return step_on_stack(operation);
    }
  }

  void step_on_stack(unsigned char operation) {
    switch (operation) {
      case '(':
        return marks_.push_back(stack_.size());
      case '0':
        pop();
        return;
      case '1':
        pop_to_mark();
        return;
      case 't':
      case 'l':
        return push(Pickle::List{pop_to_mark()});
      case 0x85:
        return push(Pickle::List{pop_many(1)});
      case 0x86:
        return push(Pickle::List{pop_many(2)});
      case 0x87:
        return push(Pickle::List{pop_many(3)});
      case 'a':
        return append(pop_many(1));
      case 'e':
      case 0x90:
        return append(pop_to_mark());
      case 's':
        return set_items(pop_many(2));
      case 'u':
        return set_items(pop_to_mark());
      case 'q':
        return remember(number(1));
      case 'r':
        return remember(number(4));
      case 0x94:
        return remember(static_cast<std::int64_t>(memo_.size()));
      case 'h':
        return recall(number(1));
      case 'j':
        return recall(number(4));
      default:
        return step_with_names(operation);
    }
  }

  void step_with_names(unsigned char operation) {
    switch (operation) {
      case 'c': {
        const std::string module = line();
        return push_global(module + "." + line());
      }
      case 0x93: {
        const auto names = pop_many(2);
        return push_global(text(names[0]) + "." + text(names[1]));
      }
      case 'Q':
        return push(storage(list(pop())));
      case 'R':
        return call();
      case 'b':  // State of an OrderedDict: PyTorch keeps version numbers there.
        pop();
        return;
      default:
        throw Error("it uses operation " + std::to_string(operation) +
                    " of pickle, which no dictionary of tensors needs");
    }
  }

  std::string_view bytes(std::int64_t count) {
    if (count < 0 || static_cast<std::size_t>(count) > rest_.size())
      throw Error("its pickle is truncated");
    const std::string_view piece = rest_.substr(0, static_cast<std::size_t>(count));
    rest_.remove_prefix(piece.size());
    return piece;
  }

  std::int64_t number(std::int64_t width) {
    const std::string_view piece = bytes(width);
    std::uint64_t value = 0;
    for (std::size_t i = piece.size(); i-- > 0;)
      value = value * 256 + static_cast<unsigned char>(piece[i]);
    return static_cast<std::int64_t>(value);
  }

  std::int64_t long_integer() {
    const std::int64_t width = number(1);
    if (width > 8) throw Error("it holds an integer beyond 64 bits");
    if (width == 0) return 0;
    const auto unused = static_cast<int>(64 - 8 * width);
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(number(width)) << unused) >> unused;
  }

  double real() {
    std::string piece(bytes(8));
    std::reverse(piece.begin(), piece.end());
    double value = 0;
    std::memcpy(&value, piece.data(), sizeof value);
    return value;
  }

  std::string line() {
    const std::size_t end = rest_.find('\n');
    if (end == std::string_view::npos) throw Error("its pickle is truncated");
    std::string text(bytes(static_cast<std::int64_t>(end)));
    bytes(1);
    return text;
  }

  template <class T>
  void push(T&& value) {
    stack_.push_back(&pickle_.values_.emplace_back(Value{std::forward<T>(value)}));
  }

  Value* pop() {
    const std::size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() <= floor) throw Error("its pickle is damaged");
    Value* value = stack_.back();
    stack_.pop_back();
    return value;
  }

  Value* top() {
    Value* value = pop();
    stack_.push_back(value);
    return value;
  }

  std::vector<const Value*> pop_many(std::size_t count) {
    std::vector<const Value*> values(count);
    for (std::size_t i = count; i-- > 0;) values[i] = pop();
    return values;
  }

  std::vector<const Value*> pop_to_mark() {
    if (marks_.empty()) throw Error("its pickle is damaged");
    std::vector<const Value*> values = pop_many(stack_.size() - marks_.back());
    marks_.pop_back();
    return values;
  }

  void append(const std::vector<const Value*>& values) {
    auto* list = std::get_if<Pickle::List>(&top()->value);
    if (list == nullptr) throw Error("its pickle is damaged");
    list->values.insert(list->values.end(), values.begin(), values.end());
  }

  void set_items(const std::vector<const Value*>& values) {
    auto* dictionary = std::get_if<Pickle::Dictionary>(&top()->value);
    if (dictionary == nullptr || values.size() % 2 != 0) throw Error("its pickle is damaged");
    for (std::size_t i = 0; i < values.size(); i += 2)
      dictionary->values.emplace_back(values[i], values[i + 1]);
  }

  void remember(std::int64_t place) { memo_[place] = top(); }

  void recall(std::int64_t place) {
    const auto found = memo_.find(place);
    if (found == memo_.end()) throw Error("its pickle is damaged");
    stack_.push_back(found->second);
  }

  void push_global(const std::string& name) {
    if (!is_allowed(name))
      throw Error("it asks for '" + name +
                  "', which is not among the few names that weights need, and might run any code; "
                  "save the state dict alone: torch.save(model.state_dict(), name)");
    push(Pickle::Global{name});
  }

  void call() {
    const auto parts = pop_many(2);
    const auto* global = parts[0]->as<Pickle::Global>();
    if (global == nullptr) throw Error("its pickle is damaged");
    const std::vector<const Value*>& arguments = list(parts[1]);
    if (global->name == "collections.OrderedDict") return push(ordered_dictionary(arguments));
    if (global->name == "torch.Size") return push(Pickle::List{list(argument(arguments, 0))});
    if (global->name == "torch._utils._rebuild_tensor_v2") return push(tensor(arguments));
    if (global->name != "torch._utils._rebuild_parameter")
      throw Error("it calls '" + global->name + "', which is only a type");
    const auto* place = argument(arguments, 0)->as<Pickle::TensorPlace>();
    if (place == nullptr) throw Error("it has a parameter that is no tensor");
    push(Pickle::TensorPlace(*place));
  }

  static Pickle::Dictionary ordered_dictionary(const std::vector<const Value*>& arguments) {
    Pickle::Dictionary dictionary;
    if (arguments.empty()) return dictionary;
    for (const Value* pair : list(arguments[0])) {
      const auto& both = list(pair);
      dictionary.values.emplace_back(argument(both, 0), argument(both, 1));
    }
    return dictionary;
  }

  /// The persistent id ("storage", type, key, device, numel).
  static Pickle::Storage storage(const std::vector<const Value*>& id) {
    const auto* type = argument(id, 1)->as<Pickle::Global>();
    const auto dtype = type == nullptr ? std::nullopt : dtype_of_storage(type->name);
    if (text(argument(id, 0)) != "storage" || !dtype)
      throw Error("it has a storage of unknown type");
    return {*dtype, text(argument(id, 2)), integer(argument(id, 4))};
  }

  /// The arguments (storage, offset, shape, stride, requires_grad, hooks).
  static Pickle::TensorPlace tensor(const std::vector<const Value*>& arguments) {
    const auto* storage = argument(arguments, 0)->as<Pickle::Storage>();
    if (storage == nullptr) throw Error("it has a tensor without storage");
    Pickle::TensorPlace place{*storage, integer(argument(arguments, 1)),
                              integers(argument(arguments, 2)), integers(argument(arguments, 3))};
    require_inside(place);
    return place;
  }

  static void require_inside(const Pickle::TensorPlace& place) {
    bool sound =
        place.shape.size() == place.stride.size() && place.offset >= 0 && place.storage.numel >= 0;
    std::int64_t last = place.offset;
    std::int64_t numel = 1;
    for (std::size_t axis = 0; sound && axis < place.shape.size(); ++axis) {
      std::int64_t reach = 0;
      sound = place.shape[axis] >= 0 && place.stride[axis] >= 0 &&
              !__builtin_mul_overflow(numel, place.shape[axis], &numel) &&
              !__builtin_mul_overflow(std::max<std::int64_t>(place.shape[axis] - 1, 0),
                                      place.stride[axis], &reach) &&
              !__builtin_add_overflow(last, reach, &last);
    }
    if (!sound || (numel > 0 && last >= place.storage.numel))
      throw Error("it has a tensor that reaches beyond its storage");
  }

  static const Value* argument(const std::vector<const Value*>& values, std::size_t index) {
    if (index >= values.size()) throw Error("its pickle is damaged");
    return values[index];
  }

  static const std::vector<const Value*>& list(const Value* value) {
    const auto* list = value->as<Pickle::List>();
    if (list == nullptr) throw Error("its pickle is damaged");
    return list->values;
  }

  static const std::string& text(const Value* value) {
    const auto* text = value->as<std::string>();
    if (text == nullptr) throw Error("its pickle is damaged");
    return *text;
  }

  static std::int64_t integer(const Value* value) {
    const auto* number = value->as<std::int64_t>();
    if (number == nullptr) throw Error("its pickle is damaged");
    return *number;
  }

  static std::vector<std::int64_t> integers(const Value* value) {
    std::vector<std::int64_t> numbers;
    for (const Value* number : list(value)) numbers.push_back(integer(number));
    return numbers;
  }

  Pickle& pickle_;
  std::string_view rest_;
  std::vector<Value*> stack_;
  std::vector<std::size_t> marks_;
  std::map<std::int64_t, Value*> memo_;
};

Pickle::Pickle(std::string_view bytes) { root_ = PickleMachine(*this, bytes).run(); }

}  // namespace pellucid
