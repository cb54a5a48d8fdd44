# The .dat format of TorchSharp for Kaitai Struct (https://kaitai.io). FORMAT.md has the clauses, which this file names.
# The whole is a state dict. `tensor_file` and `optimizer` are the other kinds of file: parse them as the top-level type.
# Not expressed here: names that come twice (entry.duplicate), products that overflow (shape.bytes).
meta:
  id: torchsharp_dat
  title: TorchSharp state dict, tensor and optimizer
  file-extension: dat
  license: MIT
  encoding: UTF-8
  endian: le
seq:
  - id: num_entries # entry.count
    type: leb128
  - id: entries
    type: entry
    repeat: expr
    repeat-expr: num_entries.value
  - id: trailing # file.trailing
    type: nothing
types:
  leb128:
    doc: leb128.form, leb128.canonical and leb128.range
    seq:
      - id: groups
        type: 'group(_index, _index == 0 ? 0 : groups[_index - 1].sum)'
        repeat: until
        repeat-until: not _.has_more
    instances:
      value:
        value: groups.last.sum.as<u8>
    types:
      group:
        params:
          - id: place
            type: s4
          - id: before
            type: u8
        seq:
          - id: has_more
            type: b1
            valid:
              expr: not has_more or place < 8
          - id: bits
            type: b7
            valid:
              expr: bits != 0 or has_more or place == 0
        instances:
          sum:
            value: (before + (bits << (7 * place))).as<u8>
  nothing:
    seq:
      - id: end
        size: 0
        valid:
          expr: _io.eof
  entry:
    seq:
      - id: len_name # entry.name
        type: leb128
      - id: name # name.utf8
        type: str
        size: len_name.value
      - id: tensor
        type: tensor
  tensor:
    seq:
      - id: code # dtype.code
        type: leb128
      - id: checked_code
        type: checked(code.value <= 15)
      - id: rank # shape.rank
        type: leb128
      - id: checked_rank
        type: checked(rank.value <= _io.size - _io.pos)
      - id: dims # shape.dims
        type: 'dim(_index == 0 ? 1 : dims[_index - 1].product)'
        repeat: expr
        repeat-expr: rank.value
      - id: elements # shape.bytes, element.order
        size: num_elements * len_element
    instances:
      dtype:
        value: code.value
        enum: dtype
      len_element:
        value: '[1, 1, 2, 4, 8, 2, 4, 8, 4, 8, 16, 1, 1, 1, 4, 2][code.value]'
      num_elements:
        value: 'rank.value == 0 ? 1 : dims.last.product'
    types:
      dim:
        params:
          - id: before
            type: u8
        seq:
          - id: size
            type: leb128
        instances:
          product:
            value: (before * size.value).as<u8>
  checked:
    params:
      - id: condition
        type: bool
    seq:
      - id: nothing
        size: 0
        valid:
          expr: condition
  tensor_file:
    seq:
      - id: tensor
        type: tensor
      - id: trailing
        type: nothing
  optimizer:
    seq:
      - id: len_name # optimizer.name
        type: leb128
      - id: name
        type: str
        size: len_name.value
        valid:
          any-of: ['"SGD"', '"ASGD"', '"Rprop"', '"RMSProp"', '"Adam"', '"AdamW"', '"NAdam"', '"RAdam"', '"Adamax"', '"Adadelta"', '"Adagrad"']
      - id: num_groups # optimizer.counts
        type: leb128
      - id: num_states
        type: leb128
      - id: groups # optimizer.option
        type: options(name)
        repeat: expr
        repeat-expr: num_groups.value
      - id: states # optimizer.state
        type: state(name)
        repeat: expr
        repeat-expr: num_states.value
      - id: trailing
        type: nothing
  options:
    params:
      - id: name
        type: str
    seq:
      - id: initial_lr
        type: f8
      - id: lr
        type: f8
      - id: rest
        type:
          switch-on: name
          cases:
            '"SGD"': sgd_options
            '"ASGD"': asgd_options
            '"Rprop"': rprop_options
            '"RMSProp"': rmsprop_options
            '"Adam"': adam_options
            '"AdamW"': adam_options
            '"NAdam"': nadam_options
            '"RAdam"': radam_options
            '"Adamax"': radam_options
            '"Adadelta"': adadelta_options
            '"Adagrad"': adagrad_options
  state:
    params:
      - id: name
        type: str
    seq:
      - id: fields
        type:
          switch-on: name
          cases:
            '"SGD"': sgd_state
            '"ASGD"': asgd_state
            '"Rprop"': rprop_state
            '"RMSProp"': rmsprop_state
            '"Adam"': adam_state
            '"AdamW"': adam_state
            '"NAdam"': nadam_state
            '"RAdam"': radam_state
            '"Adamax"': adamax_state
            '"Adadelta"': adadelta_state
            '"Adagrad"': adagrad_state
  sgd_options:
    seq:
      - {id: momentum, type: f8}
      - {id: dampening, type: f8}
      - {id: weight_decay, type: f8}
      - {id: nesterov, type: boolean}
      - {id: maximize, type: boolean}
  asgd_options:
    seq:
      - {id: maximize, type: boolean}
      - {id: lambd, type: f8}
      - {id: alpha, type: f8}
      - {id: weight_decay, type: f8}
      - {id: t0, type: f8}
  rprop_options:
    seq:
      - {id: maximize, type: boolean}
      - {id: etaminus, type: f8}
      - {id: etaplus, type: f8}
      - {id: min_step, type: f8}
      - {id: max_step, type: f8}
  rmsprop_options:
    seq:
      - {id: maximize, type: boolean}
      - {id: momentum, type: f8}
      - {id: alpha, type: f8}
      - {id: eps, type: f8}
      - {id: weight_decay, type: f8}
      - {id: centered, type: boolean}
  adam_options:
    seq:
      - {id: beta1, type: f8}
      - {id: beta2, type: f8}
      - {id: eps, type: f8}
      - {id: weight_decay, type: f8}
      - {id: amsgrad, type: boolean}
      - {id: maximize, type: boolean}
  nadam_options:
    seq:
      - {id: beta1, type: f8}
      - {id: beta2, type: f8}
      - {id: eps, type: f8}
      - {id: weight_decay, type: f8}
      - {id: momentum_decay, type: f8}
  radam_options:
    seq:
      - {id: beta1, type: f8}
      - {id: beta2, type: f8}
      - {id: eps, type: f8}
      - {id: weight_decay, type: f8}
  adadelta_options:
    seq:
      - {id: rho, type: f8}
      - {id: eps, type: f8}
      - {id: weight_decay, type: f8}
      - {id: maximize, type: boolean}
  adagrad_options:
    seq:
      - {id: lr_decay, type: f8}
      - {id: initial_accumulator_value, type: f8}
      - {id: eps, type: f8}
      - {id: weight_decay, type: f8}
  sgd_state:
    seq:
      - {id: momentum_buffer, type: optional_tensor}
  asgd_state:
    seq:
      - {id: step, type: s8}
      - {id: eta, type: f8}
      - {id: mu, type: f8}
      - {id: ax, type: tensor}
  rprop_state:
    seq:
      - {id: step, type: s8}
      - {id: prev, type: tensor}
      - {id: step_size, type: tensor}
  rmsprop_state:
    seq:
      - {id: step, type: s8}
      - {id: square_avg, type: tensor}
      - {id: momentum_buffer, type: optional_tensor}
      - {id: grad_avg, type: optional_tensor}
  adam_state:
    seq:
      - {id: step, type: s8}
      - {id: exp_avg, type: tensor}
      - {id: exp_avg_sq, type: tensor}
      - {id: max_exp_avg_sq, type: optional_tensor}
  nadam_state:
    seq:
      - {id: step, type: s8}
      - {id: mu_product, type: f8}
      - {id: exp_avg, type: tensor}
      - {id: exp_avg_sq, type: tensor}
  radam_state:
    seq:
      - {id: step, type: s8}
      - {id: exp_avg, type: tensor}
      - {id: exp_avg_sq, type: tensor}
  adamax_state:
    seq:
      - {id: step, type: s8}
      - {id: exp_avg, type: tensor}
      - {id: exp_inf, type: tensor}
  adadelta_state:
    seq:
      - {id: step, type: s8}
      - {id: square_avg, type: tensor}
      - {id: acc_delta, type: tensor}
  adagrad_state:
    seq:
      - {id: step, type: s8}
      - {id: sum, type: tensor}
  boolean: # optimizer.bool
    seq:
      - id: value
        type: u1
        valid:
          max: 1
  optional_tensor: # optimizer.optional
    seq:
      - id: there
        type: boolean
      - id: tensor
        type: tensor
        if: there.value == 1
enums:
  dtype:
    0: uint8
    1: int8
    2: int16
    3: int32
    4: int64
    5: float16
    6: float32
    7: float64
    8: complex32
    9: complex64
    10: complex128
    11: bool
    12: qint8
    13: quint8
    14: qint32
    15: bfloat16
